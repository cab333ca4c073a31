package admission

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	storageapi "slowmo/pkg/api/storage"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
)

func newClaim(change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{}
	c.Namespace, c.Name = "ns", "data"
	c.Spec.Resources.Requests = amounts("storage", "1Gi")
	if change != nil {
		change(c)
	}
	return c
}

func (w *world) class(name string, change func(*storagev1.StorageClass)) {
	c := &storagev1.StorageClass{Provisioner: "p"}
	c.Name = name
	if change != nil {
		change(c)
	}
	storetest.Put(w, w.store, storageapi.StorageClass, c)
}

func TestDefaultStorageClass(t *testing.T) {
	w := newWorld(t)
	create := func(change func(*corev1.PersistentVolumeClaim)) *string {
		c := newClaim(change)
		if err := w.admit(attributes(request.Create, core.PersistentVolumeClaim, c, nil)); err != nil {
			t.Error(err)
		}
		return c.Spec.StorageClassName
	}
	w.class("plain", nil)
	if got := create(nil); got != nil {
		t.Errorf("no class is the default, got %q", *got)
	}
	w.class("usual", func(c *storagev1.StorageClass) { c.Annotations = map[string]string{defaultStorage: "true"} })
	if got := create(nil); ptr.Deref(got, "") != "usual" {
		t.Errorf("got %v", got)
	}
	if got := create(func(c *corev1.PersistentVolumeClaim) { c.Spec.StorageClassName = ptr.To("") }); *got != "" {
		t.Errorf("no class at all became %q", *got)
	}
	annotated := func(c *corev1.PersistentVolumeClaim) {
		c.Annotations = map[string]string{corev1.BetaStorageClassAnnotation: "plain"}
	}
	if got := create(annotated); got != nil {
		t.Errorf("beside the annotation it got %q", *got)
	}
}

func TestStorageObjectInUseProtection(t *testing.T) {
	w := newWorld(t)
	for finalizer, obj := range map[string]struct {
		resource *api.Resource
		object   api.Object
	}{
		"kubernetes.io/pvc-protection": {core.PersistentVolumeClaim, newClaim(nil)},
		"kubernetes.io/pv-protection":  {core.PersistentVolume, &corev1.PersistentVolume{}},
		"kubernetes.io/vac-protection": {storageapi.VolumeAttributesClass, &storagev1.VolumeAttributesClass{}},
	} {
		obj.object.SetName("x")
		for range 2 { // it is added once
			if err := w.admit(attributes(request.Create, obj.resource, obj.object, nil)); err != nil {
				t.Error(err)
			}
		}
		if got := obj.object.GetFinalizers(); !slices.Equal(got, []string{finalizer}) {
			t.Errorf("%s: %v", obj.resource.Kind, got)
		}
	}
}

func TestClaimResize(t *testing.T) {
	w := newWorld(t)
	w.class("fixed", nil)
	w.class("growing", func(c *storagev1.StorageClass) { c.AllowVolumeExpansion = ptr.To(true) })
	claim := func(class, size string, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
		return newClaim(func(c *corev1.PersistentVolumeClaim) {
			if class != "" {
				c.Spec.StorageClassName = &class
			}
			c.Spec.Resources.Requests, c.Status.Phase = amounts("storage", size), phase
		})
	}
	const no = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
	for _, test := range []struct {
		name     string
		from, to *corev1.PersistentVolumeClaim
		want     string // empty: admitted
	}{
		{"grows", claim("growing", "1Gi", corev1.ClaimBound), claim("growing", "2Gi", corev1.ClaimBound), ""},
		{"stays", claim("fixed", "1Gi", corev1.ClaimBound), claim("fixed", "1Gi", corev1.ClaimBound), ""},
		{"grows where it cannot", claim("fixed", "1Gi", corev1.ClaimBound), claim("fixed", "2Gi", corev1.ClaimBound), no},
		{"grows without a class", claim("", "1Gi", corev1.ClaimBound), claim("", "2Gi", corev1.ClaimBound), no},
		{"grows by another class", claim("fixed", "1Gi", corev1.ClaimBound), claim("growing", "2Gi", corev1.ClaimBound), no},
		{"grows before it is bound", claim("growing", "1Gi", corev1.ClaimPending), claim("growing", "2Gi", corev1.ClaimPending), "Only bound persistent volume claims can be expanded"},
	} {
		err := w.admit(attributes(request.Update, core.PersistentVolumeClaim, test.to, test.from))
		if test.want == "" && err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.want != "" {
			refused(t, test.name, err, test.want)
		}
	}
}
