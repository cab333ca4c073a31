package poddefaults

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"slowmo/pkg/api/core/containers"
)

// initAnnotations once held init containers, and mean nothing anymore.
var initAnnotations = []string{
	"pod.alpha.kubernetes.io/init-containers", "pod.alpha.kubernetes.io/init-container-statuses",
	"pod.beta.kubernetes.io/init-containers", "pod.beta.kubernetes.io/init-container-statuses",
}

// disabled clear the fields of features that are off by default in Kubernetes
// 1.37, each those of one feature.
var disabled = []func(*corev1.PodSpec){
	dropStopSignals, dropBindMountOptions, dropEmptyDirModes, dropUsers, dropProbeProtocols, dropProbeModes,
	func(spec *corev1.PodSpec) { spec.SchedulingGroup = nil },
	func(spec *corev1.PodSpec) { spec.EvictionResponders = nil },
}

// DropDisabled clears the fields of features that are off, in a pod or a
// template, unless old, the spec before (nil for a new one), uses the feature
// already: a server with the feature on may have stored it.
func DropDisabled(annotations map[string]string, spec, old *corev1.PodSpec) {
	DropInitAnnotations(annotations)
	if old != nil && equality.Semantic.DeepEqual(spec, old) {
		return
	}
	for _, drop := range disabled {
		if old == nil || !changes(drop, old) {
			drop(spec)
		}
	}
}

// DropInitAnnotations deletes the annotations that were init containers once.
func DropInitAnnotations(annotations map[string]string) {
	for _, key := range initAnnotations {
		delete(annotations, key)
	}
}

func changes(drop func(*corev1.PodSpec), spec *corev1.PodSpec) bool {
	without := spec.DeepCopy()
	drop(without)
	return !equality.Semantic.DeepEqual(without, spec)
}

func dropStopSignals(spec *corev1.PodSpec) {
	for c := range containers.All(spec, nil) {
		if c.Lifecycle == nil || c.Lifecycle.StopSignal == nil {
			continue
		}
		c.Lifecycle.StopSignal = nil
		if *c.Lifecycle == (corev1.Lifecycle{}) {
			c.Lifecycle = nil
		}
	}
}

func dropBindMountOptions(spec *corev1.PodSpec) {
	for c := range containers.All(spec, nil) {
		for i := range c.VolumeMounts {
			c.VolumeMounts[i].BindMountOptions = nil
		}
	}
}

func dropEmptyDirModes(spec *corev1.PodSpec) {
	for i := range spec.Volumes {
		if dir := spec.Volumes[i].EmptyDir; dir != nil {
			dir.Mode = nil
		}
	}
}

func probesOf(c *corev1.Container) []*corev1.Probe {
	return []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe}
}

func dropProbeProtocols(spec *corev1.PodSpec) {
	for c := range containers.All(spec, nil) {
		for _, probe := range probesOf(c) {
			if probe != nil && probe.HTTPGet != nil {
				probe.HTTPGet.Protocol = nil
			}
		}
		if c.Lifecycle == nil {
			continue
		}
		for _, hook := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if hook != nil && hook.HTTPGet != nil {
				hook.HTTPGet.Protocol = nil
			}
		}
	}
}

func dropProbeModes(spec *corev1.PodSpec) {
	for c := range containers.All(spec, nil) {
		for _, probe := range probesOf(c) {
			if probe != nil && probe.GRPC != nil {
				probe.GRPC.Mode = nil
			}
		}
	}
}

// dropUsers clears whose the files of volumes are to be.
func dropUsers(spec *corev1.PodSpec) {
	for i := range spec.Volumes {
		switch v := &spec.Volumes[i].VolumeSource; {
		case v.Secret != nil:
			v.Secret.DefaultUser = nil
			dropItemUsers(v.Secret.Items)
		case v.ConfigMap != nil:
			v.ConfigMap.DefaultUser = nil
			dropItemUsers(v.ConfigMap.Items)
		case v.DownwardAPI != nil:
			v.DownwardAPI.DefaultUser = nil
			dropFileUsers(v.DownwardAPI.Items)
		case v.Projected != nil:
			v.Projected.DefaultUser = nil
			for j := range v.Projected.Sources {
				dropProjectedUsers(&v.Projected.Sources[j])
			}
		}
	}
}

func dropProjectedUsers(p *corev1.VolumeProjection) {
	switch {
	case p.Secret != nil:
		dropItemUsers(p.Secret.Items)
	case p.DownwardAPI != nil:
		dropFileUsers(p.DownwardAPI.Items)
	case p.ConfigMap != nil:
		dropItemUsers(p.ConfigMap.Items)
	case p.ServiceAccountToken != nil:
		p.ServiceAccountToken.User = nil
	case p.ClusterTrustBundle != nil:
		p.ClusterTrustBundle.User = nil
	case p.PodCertificate != nil:
		p.PodCertificate.User = nil
	}
}

func dropItemUsers(items []corev1.KeyToPath) {
	for i := range items {
		items[i].User = nil
	}
}

func dropFileUsers(items []corev1.DownwardAPIVolumeFile) {
	for i := range items {
		items[i].User = nil
	}
}
