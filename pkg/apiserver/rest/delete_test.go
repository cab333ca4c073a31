package rest

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// deletionOf makes the deletion of an object of r.
func deletionOf(r *api.Resource, options metav1.DeleteOptions) *deletion {
	c := &call{endpoint: &endpoint{resource: r}, ctx: api.WithTime(context.Background(), time.Unix(1000, 0))}
	return &deletion{call: c, options: &options}
}

func TestCollectorFinalizer(t *testing.T) {
	const orphan, foreground = metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents
	policy := func(p metav1.DeletionPropagation) metav1.DeleteOptions {
		return metav1.DeleteOptions{PropagationPolicy: &p}
	}
	for _, tt := range []struct {
		name          string
		options       metav1.DeleteOptions
		had           []string
		defaultOrphan bool
		want          []string
	}{
		{"nothing said", metav1.DeleteOptions{}, nil, false, nil},
		{"nothing said of a kind that orphans", metav1.DeleteOptions{}, nil, true, []string{orphan}},
		{"nothing said, but earlier", metav1.DeleteOptions{}, []string{foreground, "a/b"}, true, []string{"a/b", foreground}},
		{"orphan", policy(metav1.DeletePropagationOrphan), []string{foreground}, false, []string{orphan}},
		{"foreground", policy(metav1.DeletePropagationForeground), []string{"a/b"}, false, []string{"a/b", foreground}},
		{"background", policy(metav1.DeletePropagationBackground), []string{orphan}, true, nil},
		{"the old way, orphan", metav1.DeleteOptions{OrphanDependents: ptr.To(true)}, nil, false, []string{orphan}},
		{"the old way, not", metav1.DeleteOptions{OrphanDependents: ptr.To(false)}, []string{foreground}, true, nil},
	} {
		obj := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Finalizers: tt.had}}
		deletionOf(&api.Resource{DefaultOrphan: tt.defaultOrphan}, tt.options).setCollectorFinalizers(obj)
		if fmt.Sprint(obj.Finalizers) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, obj.Finalizers, tt.want)
		}
	}
}

func TestGrace(t *testing.T) {
	graceful := &api.Resource{Grace: func(_ api.Object, o *metav1.DeleteOptions) int64 {
		return ptr.Deref(o.GracePeriodSeconds, 30)
	}}
	marked := func(seconds, left int64) metav1.ObjectMeta {
		return metav1.ObjectMeta{Generation: 5, DeletionGracePeriodSeconds: &seconds, DeletionTimestamp: ptr.To(metav1.Unix(1000+left, 0))}
	}
	for _, tt := range []struct {
		name              string
		resource          *api.Resource
		had               metav1.ObjectMeta
		asked             *int64
		graceful, pending bool
		seconds, until    int64 // afterwards; until is Unix time, 0 for no mark
		generation        int64
	}{
		{"a kind without", &api.Resource{}, metav1.ObjectMeta{Generation: 5}, nil, false, false, 0, 0, 5},
		{"its own time", graceful, metav1.ObjectMeta{Generation: 5}, nil, true, false, 30, 1030, 6},
		{"no generation to count", graceful, metav1.ObjectMeta{}, nil, true, false, 30, 1030, 0},
		{"the client's", graceful, metav1.ObjectMeta{Generation: 5}, ptr.To[int64](7), true, false, 7, 1007, 6},
		{"less than nothing", graceful, metav1.ObjectMeta{Generation: 5}, ptr.To[int64](-3), true, false, 1, 1001, 6},
		{"marked already", graceful, marked(30, 20), nil, false, true, 30, 1020, 5},
		{"marked already, more asked", graceful, marked(30, 20), ptr.To[int64](60), false, true, 30, 1020, 5},
		{"marked already, less asked", graceful, marked(30, 20), ptr.To[int64](5), true, false, 5, 995, 5},
	} {
		obj := &corev1.ConfigMap{ObjectMeta: tt.had}
		isGraceful, pending := deletionOf(tt.resource, metav1.DeleteOptions{GracePeriodSeconds: tt.asked}).grace(obj)
		var until int64
		if obj.DeletionTimestamp != nil {
			until = obj.DeletionTimestamp.Unix()
		}
		if isGraceful != tt.graceful || pending != tt.pending || ptr.Deref(obj.DeletionGracePeriodSeconds, 0) != tt.seconds ||
			until != tt.until || obj.Generation != tt.generation {
			t.Errorf("%s: graceful %t, pending %t, %d s until %d, generation %d", tt.name, isGraceful, pending,
				ptr.Deref(obj.DeletionGracePeriodSeconds, 0), until, obj.Generation)
		}
	}
}

func TestGenerateName(t *testing.T) {
	long := make([]byte, 100)
	for i := range long {
		long[i] = 'a'
	}
	for base, want := range map[string]int{"web-": 9, string(long): 63} {
		if got := generateName(base); len(got) != want {
			t.Errorf("%q: %q has %d characters, want %d", base, got, len(got), want)
		}
	}
}
