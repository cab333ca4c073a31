package deployment

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/dump"
)

// hashLabel tells the pods and ReplicaSets of one revision from another's.
const hashLabel = appsv1.DefaultDeploymentUniqueLabelKey

// templateHash is the pod-template-hash of a template: FNV-32a over a dump of the
// Go value, and over the number of collisions so far, spelled in letters that make no
// words. It must be upstream's to the bit: a cluster that changes its
// controller manager must find its ReplicaSets again.
func templateHash(template *v1.PodTemplateSpec, collisions *int32) string {
	sum := fnv.New32a()
	fmt.Fprintf(sum, "%v", dump.ForHash(*template))
	if collisions != nil {
		var bytes [8]byte // upstream writes eight, four of them used
		binary.LittleEndian.PutUint32(bytes[:], uint32(*collisions))
		sum.Write(bytes[:])
	}
	return rand.SafeEncodeString(fmt.Sprint(sum.Sum32()))
}

// sameTemplate compares two templates but for the hash label.
func sameTemplate(a, b *v1.PodTemplateSpec) bool {
	return equality.Semantic.DeepEqual(withoutHash(a), withoutHash(b))
}

func withoutHash(template *v1.PodTemplateSpec) *v1.PodTemplateSpec {
	if _, ok := template.Labels[hashLabel]; !ok {
		return template
	}
	bare := *template
	bare.Labels = maps.Clone(template.Labels)
	delete(bare.Labels, hashLabel)
	return &bare
}

// newReplicaSet builds the ReplicaSet for a Deployment's present template.
func newReplicaSet(d *appsv1.Deployment) *appsv1.ReplicaSet {
	hash := templateHash(&d.Spec.Template, d.Status.CollisionCount)
	template := *d.Spec.Template.DeepCopy()
	template.Labels = withLabel(template.Labels, hash)
	selector := d.Spec.Selector.DeepCopy()
	selector.MatchLabels = withLabel(selector.MatchLabels, hash)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name:            d.Name + "-" + hash,
			Namespace:       d.Namespace,
			Labels:          maps.Clone(template.Labels),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, kind)},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas:        new(int32),
			MinReadySeconds: d.Spec.MinReadySeconds,
			Selector:        selector,
			Template:        template,
		},
	}
}

func withLabel(labels map[string]string, hash string) map[string]string {
	out := make(map[string]string, len(labels)+1)
	maps.Copy(out, labels)
	out[hashLabel] = hash
	return out
}
