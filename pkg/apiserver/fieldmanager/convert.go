package fieldmanager

import (
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
)

// converter makes of an object one of another version of its resource. Without
// need it makes no copy, as the scheme's own conversion would.
type converter struct {
	*runtime.Scheme
	resource *api.Resource
}

func (c converter) ConvertToVersion(in runtime.Object, to runtime.GroupVersioner) (runtime.Object, error) {
	gvk := in.GetObjectKind().GroupVersionKind()
	version, ok := to.(schema.GroupVersion)
	if !ok || gvk.Empty() || gvk.GroupVersion() == version {
		return c.UnsafeConvertToVersion(in, to)
	}
	typed, err := c.UnsafeConvertToVersion(in, gvk.GroupVersion())
	if err != nil {
		return nil, err
	}
	obj, ok := typed.(api.Object)
	if !ok || !c.serves(gvk.GroupVersion()) || !c.serves(version) {
		return nil, runtime.NewNotRegisteredErrForTarget(c.Name(), reflect.TypeOf(typed), to)
	}
	if from := c.form(gvk.GroupVersion()); from != nil {
		if obj, err = from.From(obj); err != nil {
			return nil, err
		}
	}
	if to := c.form(version); to != nil {
		if obj, err = to.To(obj); err != nil {
			return nil, err
		}
	}
	obj.GetObjectKind().SetGroupVersionKind(version.WithKind(c.resource.Kind))
	return obj, nil
}

// form is the version of the resource that gv names; nil for the stored one.
func (c converter) form(gv schema.GroupVersion) *api.Version {
	i := slices.IndexFunc(c.resource.Versions, func(v api.Version) bool { return v.To != nil && v.Group == gv.Group && v.Version == gv.Version })
	if i < 0 {
		return nil
	}
	return &c.resource.Versions[i]
}

func (c converter) serves(gv schema.GroupVersion) bool {
	return gv == c.resource.GroupVersionKind().GroupVersion() || c.form(gv) != nil
}

// noDefaults leaves an object as it is: what has been applied is given its
// defaults in the stored form, as any body.
type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}
