package storage

import (
	"context"
	"math"
	"time"
	"unicode/utf8"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/volumesource"
)

// VolumeAttachment is the resource volumeattachments: that a volume is to be, or
// is, attached to a node.
//
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/
var VolumeAttachment = &api.Resource{
	Group:    storagev1.GroupName,
	Version:  "v1",
	Kind:     "VolumeAttachment",
	Plural:   "volumeattachments",
	Singular: "volumeattachment",
	New:      func() api.Object { return &storagev1.VolumeAttachment{} },
	NewList:  func() runtime.Object { return &storagev1.VolumeAttachmentList{} },

	PrepareCreate: func(_ context.Context, obj api.Object) {
		obj.(*storagev1.VolumeAttachment).Status = storagev1.VolumeAttachmentStatus{}
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		obj.(*storagev1.VolumeAttachment).Status = old.(*storagev1.VolumeAttachment).Status
	},
	Validate:       validateAttachment,
	ValidateUpdate: validateAttachmentUpdate,
	ReturnDeleted:  true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		{Name: "Attacher", Type: "string", Format: "name", Description: attachmentDoc["attacher"]},
		api.Column("PV", "string", storagev1.VolumeAttachmentSource{}.SwaggerDoc()["persistentVolumeName"]),
		api.Column("Node", "string", attachmentDoc["nodeName"]),
		api.Column("Attached", "boolean", storagev1.VolumeAttachmentStatus{}.SwaggerDoc()["attached"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		a := obj.(*storagev1.VolumeAttachment)
		return []any{a.Name, a.Spec.Attacher, ptr.Deref(a.Spec.Source.PersistentVolumeName, ""), a.Spec.NodeName,
			a.Status.Attached, api.Age(a.CreationTimestamp, now)}
	},

	Subresources: []api.Subresource{
		api.StatusAlone(func(_ context.Context, to, from *storagev1.VolumeAttachment) { to.Status = from.Status }, nil),
	},
}

var attachmentDoc = storagev1.VolumeAttachmentSpec{}.SwaggerDoc()

// validateAttachment checks the attacher last, as upstream reads it off the tags of the type.
func validateAttachment(obj api.Object) field.ErrorList {
	return append(attachmentErrors(obj.(*storagev1.VolumeAttachment)),
		validateAttacher(obj.(*storagev1.VolumeAttachment).Spec.Attacher, field.NewPath("spec", "attacher"))...)
}

func attachmentErrors(a *storagev1.VolumeAttachment) field.ErrorList {
	source := field.NewPath("spec", "source")
	errs := validateSource(&a.Spec.Source, source)
	errs = append(errs, invalidName(a.Spec.NodeName, field.NewPath("spec", "nodeName"))...)
	errs = append(errs, validateAttachmentStatus(&a.Status, field.NewPath("status"))...)
	if name := a.Spec.Source.PersistentVolumeName; name != nil {
		errs = append(errs, invalidName(*name, source.Child("persistentVolumeName"))...)
	}
	return errs
}

func validateAttachmentUpdate(obj, old api.Object) field.ErrorList {
	a, before := obj.(*storagev1.VolumeAttachment), old.(*storagev1.VolumeAttachment)
	errs := volumesource.CSIDriver(a.Spec.Attacher, field.NewPath("spec", "attacher"))
	errs = append(errs, attachmentErrors(a)...)
	return append(errs, immutable(field.NewPath("spec"), a.Spec, before.Spec)...)
}

func invalidName(name string, path *field.Path) (errs field.ErrorList) {
	for _, problem := range apivalidation.NameIsDNSSubdomain(name, false) {
		errs = append(errs, field.Invalid(path, name, problem))
	}
	return errs
}

// maxDriverName bounds the name of a CSI driver.
const maxDriverName = 63

func validateAttacher(name string, path *field.Path) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	for _, problem := range content.IsDNS1123SubdomainCaseless(name) {
		errs = append(errs, field.Invalid(path, name, problem))
	}
	if utf8.RuneCountInString(name) > maxDriverName {
		errs = append(errs, field.TooLongCharacters(path, name, maxDriverName))
	}
	return errs
}

func validateSource(source *storagev1.VolumeAttachmentSource, path *field.Path) field.ErrorList {
	const exactlyOne = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
	switch name := source.PersistentVolumeName; {
	case source.InlineVolumeSpec == nil && name == nil:
		return field.ErrorList{field.Required(path, exactlyOne)}
	case source.InlineVolumeSpec != nil && name != nil:
		return field.ErrorList{field.Forbidden(path, exactlyOne)}
	case name != nil && *name == "":
		return field.ErrorList{field.Required(path.Child("persistentVolumeName"), "must specify non empty persistentVolumeName")}
	case name == nil:
		return validateInline(source.InlineVolumeSpec, path.Child("inlineVolumeSpec"))
	}
	return nil
}

// Limits of a status.
const (
	maxAttachmentMetadata = 256 << 10
	maxErrorMessage       = 1024
)

func validateAttachmentStatus(status *storagev1.VolumeAttachmentStatus, path *field.Path) (errs field.ErrorList) {
	if sizeOf(status.AttachmentMetadata) > maxAttachmentMetadata {
		errs = append(errs, field.TooLong(path.Child("attachmentMetadata"), "", maxAttachmentMetadata))
	}
	errs = append(errs, validateVolumeError(status.AttachError, path.Child("attachError"))...)
	return append(errs, validateVolumeError(status.DetachError, path.Child("detachError"))...)
}

func validateVolumeError(e *storagev1.VolumeError, path *field.Path) (errs field.ErrorList) {
	if e == nil {
		return nil
	}
	if len(e.Message) > maxErrorMessage {
		errs = append(errs, field.TooLong(path.Child("message"), "", maxErrorMessage))
	}
	if e.ErrorCode != nil && *e.ErrorCode < 0 {
		errs = append(errs, field.Invalid(path.Child("errorCode"), *e.ErrorCode, validation.InclusiveRangeError(0, math.MaxInt32)))
	}
	return errs
}
