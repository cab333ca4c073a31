package quota

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

// claims counts volume claims and what they ask for, together and by storage class.
var claims = &Evaluator{
	Usage:  func(obj runtime.Object) corev1.ResourceList { return claimUsage(obj.(*corev1.PersistentVolumeClaim)) },
	Counts: countsForClaims,
	InScope: func(obj runtime.Object, scope corev1.ScopedResourceSelectorRequirement) bool {
		class := ptr.Deref(obj.(*corev1.PersistentVolumeClaim).Spec.VolumeAttributesClassName, "")
		return scope.ScopeName == corev1.ResourceQuotaScopeVolumeAttributesClass && valueInScope(class, scope)
	},
	OnUpdate: true,
}

var countClaims = countName(schema.GroupResource{Resource: "persistentvolumeclaims"})

// ofClass separates a storage class from what is counted of it:
// gold.storageclass.storage.k8s.io/requests.storage.
const ofClass = ".storageclass.storage.k8s.io/"

func countsForClaims(name corev1.ResourceName) bool {
	if _, what, found := strings.Cut(string(name), ofClass); found {
		name = corev1.ResourceName(what)
	} else if name == countClaims {
		return true
	}
	return name == corev1.ResourcePersistentVolumeClaims || name == corev1.ResourceRequestsStorage
}

func claimUsage(claim *corev1.PersistentVolumeClaim) corev1.ResourceList {
	used := corev1.ResourceList{corev1.ResourcePersistentVolumeClaims: one, countClaims: one}
	class, annotated := claim.Annotations[corev1.BetaStorageClassAnnotation]
	if !annotated {
		class = ptr.Deref(claim.Spec.StorageClassName, "")
	}
	asked, says := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	// While it shrinks back from an expansion that failed, it still holds what it was given.
	if given, there := claim.Status.AllocatedResources[corev1.ResourceStorage]; there && given.Cmp(asked) > 0 {
		asked, says = given, true
	}
	if says {
		used[corev1.ResourceRequestsStorage] = asked
	}
	if class == "" {
		return used
	}
	used[corev1.ResourceName(class)+ofClass+corev1.ResourcePersistentVolumeClaims] = one
	if says {
		used[corev1.ResourceName(class)+ofClass+corev1.ResourceRequestsStorage] = asked
	}
	return used
}
