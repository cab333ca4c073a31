package volumesource

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The forms of the names of iSCSI's targets and initiators.
var iscsiForms = []struct {
	prefix string
	form   *regexp.Regexp
}{
	{"iqn", regexp.MustCompile(`iqn\.\d{4}-\d{2}\.([[:alnum:]-.]+)(:[^,;*&$|\s]+)$`)},
	{"eui", regexp.MustCompile(`^eui.[[:alnum:]]{16}$`)},
	{"naa", regexp.MustCompile(`^naa.[[:alnum:]]{32}$`)},
}

// iscsiName checks a name; unknown is said of one that has none of the forms.
func iscsiName(name string, at *field.Path, unknown string) field.ErrorList {
	for _, f := range iscsiForms {
		switch {
		case !strings.HasPrefix(name, f.prefix):
		case f.form.MatchString(name):
			return nil
		default:
			return field.ErrorList{field.Invalid(at, name, wrongForm)}
		}
	}
	return field.ErrorList{field.Invalid(at, name, unknown)}
}

const wrongForm = "must be valid format"

// ISCSI checks a disk on the network. The secret's name is checked by none.
func ISCSI(s *corev1.ISCSIVolumeSource, at *field.Path) field.ErrorList {
	return append(iscsiTarget(s, at, wrongForm+" starting with iqn, eui, or naa"),
		iscsiInitiator(s.InitiatorName, at, wrongForm+" starting with iqn, eui, or naa")...)
}

func iscsiTarget(s *corev1.ISCSIVolumeSource, at *field.Path, unknown string) field.ErrorList {
	errs := require(at, "targetPortal", s.TargetPortal)
	if s.IQN == "" {
		errs = append(errs, field.Required(at.Child("iqn"), ""))
	} else {
		errs = append(errs, iscsiName(s.IQN, at.Child("iqn"), unknown)...)
	}
	errs = append(errs, lun(s.Lun, at)...)
	if (s.DiscoveryCHAPAuth || s.SessionCHAPAuth) && s.SecretRef == nil {
		errs = append(errs, field.Required(at.Child("secretRef"), ""))
	}
	return errs
}

func iscsiInitiator(name *string, at *field.Path, unknown string) field.ErrorList {
	if name == nil {
		return nil
	}
	return iscsiName(*name, at.Child("initiatorname"), unknown)
}

// TooLongForISCSI says what names may not be, because the initiator's is made of them.
const TooLongForISCSI = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified."

// PersistentISCSI is ISCSI for a PersistentVolume of the given name.
func PersistentISCSI(s *corev1.ISCSIPersistentVolumeSource, name string, at *field.Path) (errs field.ErrorList) {
	if s.InitiatorName != nil && len(name+":"+s.TargetPortal) > 64 {
		errs = append(errs, field.Invalid(at.Child("targetportal"), s.TargetPortal, TooLongForISCSI))
	}
	same := &corev1.ISCSIVolumeSource{TargetPortal: s.TargetPortal, IQN: s.IQN, Lun: s.Lun,
		DiscoveryCHAPAuth: s.DiscoveryCHAPAuth, SessionCHAPAuth: s.SessionCHAPAuth}
	if s.SecretRef != nil {
		same.SecretRef = &corev1.LocalObjectReference{}
	}
	errs = append(errs, iscsiTarget(same, at, wrongForm)...)
	if s.SecretRef != nil {
		errs = append(errs, require(at.Child("secretRef"), "name", s.SecretRef.Name)...)
	}
	return append(errs, iscsiInitiator(s.InitiatorName, at, wrongForm)...)
}

func lun(number int32, at *field.Path) field.ErrorList {
	if number >= 0 && number <= 255 {
		return nil
	}
	return field.ErrorList{field.Invalid(at.Child("lun"), number, validation.InclusiveRangeError(0, 255))}
}

// FC checks a disk on fibre channel.
func FC(fc *corev1.FCVolumeSource, at *field.Path) (errs field.ErrorList) {
	const names = "targetWWNs"
	switch {
	case len(fc.TargetWWNs) == 0 && len(fc.WWIDs) == 0:
		errs = append(errs, field.Required(at.Child(names), "must specify either targetWWNs or wwids, but not both"))
	case len(fc.TargetWWNs) > 0 && len(fc.WWIDs) > 0:
		errs = append(errs, field.Invalid(at.Child(names), fc.TargetWWNs, "targetWWNs and wwids can not be specified simultaneously"))
	}
	switch {
	case len(fc.TargetWWNs) == 0:
	case fc.Lun == nil:
		errs = append(errs, field.Required(at.Child("lun"), "lun is required if targetWWNs is specified"))
	default:
		errs = append(errs, lun(*fc.Lun, at)...)
	}
	return errs
}

// CSIDriver checks the name of a driver.
func CSIDriver(name string, at *field.Path) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	if len(name) > 63 {
		errs = append(errs, field.TooLong(at, name, 63))
	}
	for _, msg := range validation.IsDNS1123Subdomain(strings.ToLower(name)) {
		errs = append(errs, field.Invalid(at, name, msg))
	}
	return errs
}

// CSI checks a volume that a driver of its own serves.
//
// https://kubernetes.io/docs/concepts/storage/volumes/#csi
func CSI(csi *corev1.CSIPersistentVolumeSource, at *field.Path) field.ErrorList {
	errs := CSIDriver(csi.Driver, at.Child("driver"))
	errs = append(errs, require(at, "volumeHandle", csi.VolumeHandle)...)
	for _, secret := range []struct {
		name string
		ref  *corev1.SecretReference
	}{
		{"controllerPublishSecretRef", csi.ControllerPublishSecretRef},
		{"controllerExpandSecretRef", csi.ControllerExpandSecretRef},
		{"nodePublishSecretRef", csi.NodePublishSecretRef},
		{"nodeExpandSecretRef", csi.NodeExpandSecretRef},
	} {
		if secret.ref != nil {
			errs = append(errs, secretRef(secret.ref, at.Child(secret.name))...)
		}
	}
	return errs
}

func secretRef(ref *corev1.SecretReference, at *field.Path) (errs field.ErrorList) {
	check := func(name, value string, isValid func(string) []string) {
		if value == "" {
			errs = append(errs, field.Required(at.Child(name), ""))
			return
		}
		for _, msg := range isValid(value) {
			errs = append(errs, field.Invalid(at.Child(name), value, msg))
		}
	}
	check("name", ref.Name, validation.IsDNS1123Subdomain)
	check("namespace", ref.Namespace, validation.IsDNS1123Label)
	return errs
}
