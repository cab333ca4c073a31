package podspec

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

// The downward API: what a container may read of its own pod.
//
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
var (
	envFields = []string{"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"}
	volumeFields = []string{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"}
	// knownFields exist at all, in one place or the other.
	knownFields = []string{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
		"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"}
	resourceFields = []string{"limits.cpu", "limits.ephemeral-storage", "limits.memory",
		"requests.cpu", "requests.ephemeral-storage", "requests.memory"}
)

func validateFieldRef(ref *corev1.ObjectFieldSelector, allowed []string, path *field.Path) field.ErrorList {
	if ref.APIVersion == "" {
		return field.ErrorList{field.Required(path.Child("apiVersion"), "")}
	}
	if ref.FieldPath == "" {
		return field.ErrorList{field.Required(path.Child("fieldPath"), "")}
	}
	name, key, hasKey := cutSubscript(ref.FieldPath)
	switch {
	case ref.APIVersion != "v1":
		return field.ErrorList{field.Invalid(path.Child("fieldPath"), ref.FieldPath, "error converting fieldPath: unsupported pod version: "+ref.APIVersion)}
	case hasKey && name == "metadata.annotations":
		return check.QualifiedName(strings.ToLower(key), path)
	case hasKey && name == "metadata.labels":
		return check.QualifiedName(key, path)
	case hasKey || !slices.Contains(knownFields, ref.FieldPath):
		return field.ErrorList{field.Invalid(path.Child("fieldPath"), ref.FieldPath, "error converting fieldPath: field label not supported: "+ref.FieldPath)}
	}
	return check.OneOf(ref.FieldPath, path.Child("fieldPath"), allowed...)
}

// cutSubscript splits metadata.labels['key'].
func cutSubscript(fieldPath string) (name, key string, ok bool) {
	name, key, ok = strings.Cut(strings.TrimSuffix(fieldPath, "']"), "['")
	return name, key, ok && strings.HasSuffix(fieldPath, "']")
}

func validateResourceRef(ref *corev1.ResourceFieldSelector, inVolume bool, path *field.Path) (errs field.ErrorList) {
	isPages := strings.HasPrefix(ref.Resource, "limits.hugepages-") || strings.HasPrefix(ref.Resource, "requests.hugepages-")
	switch {
	case inVolume && ref.ContainerName == "":
		errs = append(errs, field.Required(path.Child("containerName"), ""))
	case ref.Resource == "":
		errs = append(errs, field.Required(path.Child("resource"), ""))
	case !isPages && !slices.Contains(resourceFields, ref.Resource):
		errs = append(errs, field.NotSupported(path.Child("resource"), ref.Resource, resourceFields))
	}
	return append(errs, validateDivisor(ref.Resource, ref.Divisor, path)...)
}

var (
	cpuDivisors    = []string{"1m", "1"}
	memoryDivisors = []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}
)

func validateDivisor(name string, divisor resource.Quantity, path *field.Path) field.ErrorList {
	if divisor.IsZero() {
		return nil
	}
	_, kind, _ := strings.Cut(name, ".")
	allowed, text := memoryDivisors, strings.Join(memoryDivisors, ", ")
	switch {
	case kind == "cpu":
		allowed, text = cpuDivisors, "1m and 1"
	case strings.HasPrefix(kind, "hugepages-"):
		kind = "hugepages"
	case kind == "ephemeral-storage":
		kind = "local ephemeral storage"
	case kind != "memory":
		return nil
	}
	if slices.Contains(allowed, divisor.String()) {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Child("divisor"), name, fmt.Sprintf("only divisor's values %s are supported with the %s resource", text, kind))}
}
