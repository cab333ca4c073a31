package admission

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// limitRanger gives containers the requests and limits that their namespace's
// LimitRanges have as defaults, and refuses pods and claims beyond the bounds
// (limitbounds.go).
//
// https://kubernetes.io/docs/concepts/policy/limit-range/
type limitRanger struct{ store *storage.Store }

// limitAnnotation says what was set.
const limitAnnotation = "kubernetes.io/limit-ranger"

// Mutate sets what containers leave open.
func (l *limitRanger) Mutate(ctx context.Context, a *request.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok {
		return nil
	}
	return l.each(ctx, a, func(limits *corev1.LimitRange) error {
		setDefaults(pod, limits)
		return nil
	})
}

// Validate refuses what is out of bounds.
func (l *limitRanger) Validate(ctx context.Context, a *request.Attributes) error {
	return l.each(ctx, a, func(limits *corev1.LimitRange) error {
		switch obj := a.Object.(type) {
		case *corev1.Pod:
			return checkPod(obj, limits)
		case *corev1.PersistentVolumeClaim:
			return checkClaim(obj, limits)
		}
		return nil
	})
}

// each calls f with the namespace's LimitRanges if the write is one that they
// are about, until it returns an error.
func (l *limitRanger) each(ctx context.Context, a *request.Attributes, f func(*corev1.LimitRange) error) error {
	if !limited(a) || a.OldObject != nil && a.OldObject.GetDeletionTimestamp() != nil {
		return nil
	}
	ranges, err := plugin.List[*corev1.LimitRange](ctx, l.store.Collection(core.LimitRange), a.Namespace)
	if err != nil {
		return plugin.Forbid(a, err)
	}
	for _, limits := range ranges {
		if err := f(limits); err != nil {
			return plugin.Forbid(a, err)
		}
	}
	return nil
}

// limited: a pod's resources are set when it is made and when it is resized.
func limited(a *request.Attributes) bool {
	switch a.Operation {
	case request.Create:
		return plugin.Is(a, "", "pods") || plugin.Is(a, "", "persistentvolumeclaims")
	case request.Update:
		return plugin.Is(a, "", "pods/resize") || plugin.Is(a, "", "persistentvolumeclaims")
	}
	return false
}

// setDefaults sets the defaults of limits, and notes in an annotation which.
func setDefaults(pod *corev1.Pod, limits *corev1.LimitRange) {
	requests, caps := corev1.ResourceList{}, corev1.ResourceList{}
	for i := range limits.Spec.Limits {
		if item := &limits.Spec.Limits[i]; item.Type == corev1.LimitTypeContainer {
			maps.Copy(requests, item.DefaultRequest)
			maps.Copy(caps, item.Default)
		}
	}
	var notes []string
	fill := func(containers []corev1.Container, what string) {
		for i := range containers {
			c := &containers[i]
			for _, part := range []struct {
				list     *corev1.ResourceList
				defaults corev1.ResourceList
				name     string
			}{{&c.Resources.Requests, requests, "request"}, {&c.Resources.Limits, caps, "limit"}} {
				if set := fillList(part.list, part.defaults); len(set) > 0 {
					notes = append(notes, fmt.Sprintf("%s %s for %s %s", strings.Join(set, ", "), part.name, what, c.Name))
				}
			}
		}
	}
	fill(pod.Spec.Containers, "container")
	fill(pod.Spec.InitContainers, "init container")
	if len(notes) > 0 {
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		pod.Annotations[limitAnnotation] = "LimitRanger plugin set: " + strings.Join(notes, "; ")
	}
}

// fillList adds what list has not and returns the names of it.
func fillList(list *corev1.ResourceList, defaults corev1.ResourceList) (set []string) {
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if _, there := (*list)[name]; there {
			continue
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = defaults[name].DeepCopy()
		set = append(set, string(name))
	}
	return set
}
