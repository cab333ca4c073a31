package resource

import (
	"encoding/json"
	"fmt"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// config checks the parameters that a driver is given for devices. stored says
// that they were valid before.
func (c *check) config(config *resourcev1.DeviceConfiguration, stored bool, path *field.Path) {
	opaque := path.Child("opaque")
	if config.Opaque == nil {
		c.add(field.Required(opaque, ""))
		return
	}
	c.tagDriverName(config.Opaque.Driver, opaque.Child("driver"))
	longest := resourcev1.OpaqueParametersMaxLength
	if stored {
		longest = len(config.Opaque.Parameters.Raw)
	}
	c.add(validateObject(config.Opaque.Parameters, longest, opaque.Child("parameters"))...)
}

// validateObject checks that what only a driver understands is a JSON object.
func validateObject(raw runtime.RawExtension, longest int, path *field.Path) field.ErrorList {
	if len(raw.Raw) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	if len(raw.Raw) > longest {
		return field.ErrorList{field.TooLong(path, "", longest)}
	}
	const omitted = "<value omitted>"
	var value any
	if err := json.Unmarshal(raw.Raw, &value); err != nil {
		return field.ErrorList{field.Invalid(path, omitted, fmt.Sprintf("error parsing data as JSON: %v", err))}
	}
	switch value.(type) {
	case map[string]any:
		return nil
	case nil:
		return field.ErrorList{field.Required(path, "")}
	default:
		return field.ErrorList{field.Invalid(path, omitted, "must be a valid JSON object")}
	}
}

// driverWarnings are about the drivers of configurations.
func driverWarnings(config *resourcev1.OpaqueDeviceConfiguration, path *field.Path) []string {
	if config == nil {
		return nil
	}
	return uppercaseWarning(path.Child("opaque", "driver"), config.Driver)
}
