package rest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/fieldmanager"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// write is a call that changes something.
type write struct {
	*call
	options    runtime.Object // *metav1.CreateOptions, UpdateOptions or PatchOptions
	dryRun     bool
	manager    string // owner of the fields that are set
	validation string // the fieldValidation parameter
	applied    bool   // field management has been done by an apply
	ownerless  bool   // there is no room to say who owns the fields

	// What the companion answered in the present attempt.
	beside []storage.Op       // to a create
	done   func(written bool) // to a modification
}

// admitNew takes a new object through the chain, from the decoded body to what is stored.
func (w *write) admitNew(obj api.Object) error {
	if err := w.trackNew(obj); err != nil {
		return err
	}
	attributes := w.attributes(request.Create, obj, nil)
	if err := w.Admission.Mutate(w.ctx, attributes); err != nil {
		return err
	}
	w.dedupOwners(obj, afterAdmission)
	identify(w, obj)
	if w.resource.PrepareCreate != nil {
		w.resource.PrepareCreate(w.ctx, obj)
	}
	if err := w.accompany(obj, nil); err != nil {
		return err
	}
	if errs := w.validateNew(obj); len(errs) > 0 {
		return w.invalid(obj, errs)
	}
	w.warn(obj, nil)
	if err := w.mayCreate(); err != nil {
		return err
	}
	attributes.Name = obj.GetName()
	return w.Admission.Validate(w.ctx, attributes)
}

// admitChange takes an object that is to replace current through the chain.
func (w *write) admitChange(obj, current api.Object) error {
	if err := w.track(obj, current); err != nil {
		return err
	}
	attributes := w.attributes(request.Update, obj, current)
	if err := w.Admission.Mutate(w.ctx, attributes); err != nil {
		return err
	}
	w.dedupOwners(obj, afterAdmission)
	if err := w.checkVersion(obj, current); err != nil {
		return err
	}
	w.keepMeta(obj, current)
	if w.resource.PrepareUpdate != nil && (w.sub == nil || w.sub.Get != nil) {
		w.resource.PrepareUpdate(w.ctx, obj, current)
	}
	if err := w.accompany(obj, current); err != nil {
		return err
	}
	if errs := w.validateChange(obj, current); len(errs) > 0 {
		return w.invalid(obj, errs)
	}
	w.warn(obj, current)
	return w.Admission.Validate(w.ctx, attributes)
}

// trackNew notes who set the fields of a new object.
func (w *write) trackNew(obj api.Object) error {
	switch {
	case w.ownerless:
		obj.SetManagedFields(nil)
		return nil
	case w.applied:
		return nil
	}
	return w.owners().Created(w.manager, obj)
}

// track notes who changed which fields. That is known of a view already (view.go).
func (w *write) track(obj, current api.Object) error {
	switch {
	case w.ownerless:
		obj.SetManagedFields(nil)
		return nil
	case w.applied, w.sub != nil && w.sub.view:
		return nil
	}
	return w.owners().Changed(w.manager, obj, current)
}

// owners is who keeps the fields' owners.
func (w *write) owners() *fieldmanager.Manager {
	if w.sub != nil {
		return w.sub.fields
	}
	return w.fields
}

// mayCreate refuses to make an object for who may only change one: the request
// was authorized as the verb that it is.
func (w *write) mayCreate() error {
	if w.info.Verb == "create" {
		return nil
	}
	info := *w.info
	info.Verb = "create"
	question := &request.Authorization{User: w.state.User, Info: &info}
	decision, reason, err := w.Authorizer.Authorize(w.ctx, question)
	switch {
	case decision == request.Allow:
		return nil
	case err != nil:
		return apierrors.NewInternalError(err)
	}
	return authz.Forbidden(question, reason)
}

// accompany has the companion complete the object, before anything is
// validated. An object that an update or an apply creates has no transaction of
// its own to put things beside: for the companion it is a change of nothing.
func (w *write) accompany(obj, old api.Object) (err error) {
	switch {
	case w.companion == nil:
	case w.info.Verb == "create" && w.sub == nil:
		w.beside, err = w.companion.Create(w.ctx, obj, w.dryRun)
	default:
		if old == nil {
			old = w.resource.New()
		}
		w.done, err = w.companion.Update(w.ctx, obj, old, w.dryRun)
	}
	return err
}

// matchNamespace gives an object the namespace of the request's path.
func matchNamespace(namespace string, obj api.Object) error {
	switch obj.GetNamespace() {
	case namespace:
	case "":
		obj.SetNamespace(namespace)
	default:
		if namespace != "" {
			return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
		}
		obj.SetNamespace("")
	}
	return nil
}

// anonymize takes from a new object what the system alone gives.
func anonymize(obj api.Object) {
	obj.SetUID("")
	obj.SetCreationTimestamp(metav1.Time{})
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	obj.SetSelfLink("")
}

// identify gives a new object what the system alone gives.
func identify(w *write, obj api.Object) {
	anonymize(obj)
	obj.SetUID(uuid.NewUUID())
	obj.SetCreationTimestamp(api.Now(w.ctx))
	if obj.GetName() == "" && obj.GetGenerateName() != "" {
		obj.SetName(generateName(obj.GetGenerateName()))
	}
}

// When owner references are looked through: a body's before anything else, too.
const (
	asSent         = ""
	afterAdmission = " after mutating admission happens"
)

// dedupOwners drops owner references that are there twice and warns of them.
func (w *write) dedupOwners(obj api.Object, when string) {
	var kept []metav1.OwnerReference
	var twice []string
	for _, ref := range obj.GetOwnerReferences() {
		if slices.ContainsFunc(kept, func(k metav1.OwnerReference) bool { return equality.Semantic.DeepEqual(k, ref) }) {
			if uid := string(ref.UID); !slices.Contains(twice, uid) {
				twice = append(twice, uid)
			}
			continue
		}
		kept = append(kept, ref)
	}
	if len(twice) == 0 {
		return
	}
	obj.SetOwnerReferences(kept)
	w.state.Warn(fmt.Sprintf(".metadata.ownerReferences contains duplicate entries"+when+"; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: %v", strings.Join(twice, ", ")))
}

// generateName appends five random characters, none of which makes words.
func generateName(base string) string {
	const random, longest = 5, 63
	if len(base) > longest-random {
		base = base[:longest-random]
	}
	return base + rand.String(random)
}

// checkVersion refuses a change that was made from another state than the
// present one. Afterwards obj has the present resourceVersion.
func (w *write) checkVersion(obj, current api.Object) error {
	version, err := parseVersion(obj)
	if err != nil {
		return err
	}
	resource := w.kind.GVK.GroupVersion().WithResource(w.resource.Plural).GroupResource()
	switch {
	case version == 0 && !w.resource.UnconditionalUpdate:
		errs := field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update")}
		return apierrors.NewInvalid(schema.GroupKind{Group: resource.Group, Kind: resource.Resource}, current.GetName(), errs)
	case version != 0 && strconv.FormatUint(version, 10) != current.GetResourceVersion():
		return apierrors.NewConflict(resource, current.GetName(), errStale)
	}
	obj.SetResourceVersion(current.GetResourceVersion())
	return nil
}

// parseVersion returns an object's resourceVersion; 0 if it has none.
func parseVersion(obj api.Object) (uint64, error) {
	if obj.GetResourceVersion() == "" {
		return 0, nil
	}
	return strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
}

// keepMeta undoes changes to metadata that only the system makes.
func (w *write) keepMeta(obj, current api.Object) {
	obj.SetGeneration(current.GetGeneration())
	obj.SetCreationTimestamp(current.GetCreationTimestamp())
	if obj.GetUID() == "" {
		obj.SetUID(current.GetUID())
	}
	if current.GetDeletionTimestamp() != nil {
		obj.SetDeletionTimestamp(current.GetDeletionTimestamp())
	}
	if current.GetDeletionGracePeriodSeconds() != nil && obj.GetDeletionGracePeriodSeconds() == nil {
		obj.SetDeletionGracePeriodSeconds(current.GetDeletionGracePeriodSeconds())
	}
}

var metadata = field.NewPath("metadata")

func (w *write) validateNew(obj api.Object) (errs field.ErrorList) {
	name := apivalidation.ValidateNameFunc(apivalidation.NameIsDNSSubdomain)
	if w.resource.ValidateName != nil {
		name = w.resource.ValidateName
	}
	if !w.resource.LateMeta {
		errs = apivalidation.ValidateObjectMetaAccessor(obj, w.resource.Namespaced, name, metadata)
		errs = append(errs, validateFinalizers(obj)...)
	}
	if w.form.Validate != nil {
		errs = append(errs, w.form.Validate(obj)...)
	}
	if w.resource.LateMeta && len(errs) == 0 {
		errs = apivalidation.ValidateObjectMetaAccessor(obj, w.resource.Namespaced, validatePathSegment, metadata)
	}
	return errs
}

func (w *write) validateChange(obj, current api.Object) field.ErrorList {
	errs := apivalidation.ValidateObjectMetaAccessorUpdate(obj, current, metadata)
	errs = append(errs, validateFinalizers(obj)...)
	validate := w.form.ValidateUpdate
	if w.sub != nil && w.sub.Validate != nil {
		validate = w.sub.Validate
	}
	if validate != nil {
		errs = append(errs, validate(obj, current)...)
	}
	return errs
}

// maxMistakes bounds an answer to an object that has nothing right: what it takes
// to write one grows by its square.
const maxMistakes = 200

// invalid names the stored kind, whichever version was written, and each mistake
// once: a value that is wrong in two places of a map is one.
func (w *write) invalid(obj api.Object, errs field.ErrorList) error {
	said := map[any]bool{}
	var shown field.ErrorList
	for _, err := range errs {
		if mistake := mistakeOf(err); !said[mistake] {
			said[mistake] = true
			shown = append(shown, err)
		}
		if len(shown) == maxMistakes {
			break
		}
	}
	return apierrors.NewInvalid(w.resource.GroupVersionKind().GroupKind(), obj.GetName(), shown)
}

// mistakeOf is what two errors have in common that say the same. It spares the text
// of errors that come by the thousand.
func mistakeOf(err *field.Error) any {
	switch err.BadValue.(type) {
	case nil, string, int, int32, int64, bool:
		return field.Error{Type: err.Type, Field: err.Field, BadValue: err.BadValue, Detail: err.Detail}
	}
	return err.Error()
}

func validateFinalizers(obj api.Object) (errs field.ErrorList) {
	for i, name := range obj.GetFinalizers() {
		errs = append(errs, api.ValidateKubeFinalizer(name, metadata.Child("finalizers").Index(i))...)
	}
	return errs
}

// warn speaks of what a client may have written: not of the rest of an object of
// which it writes the status alone.
func (w *write) warn(obj, old api.Object) {
	warnings := w.resource.Warnings
	if w.sub != nil && w.sub.Get == nil {
		warnings = w.sub.Warnings
	}
	if warnings == nil {
		return
	}
	for _, text := range warnings(w.ctx, obj, old) {
		w.state.Warn(text)
	}
}

func (c *call) attributes(operation request.Operation, obj, old api.Object) *request.Attributes {
	a := &request.Attributes{
		Operation: operation,
		User:      c.state.User,
		Kind:      c.kind.GVK,
		Resource:  c.kind.GVK.GroupVersion().WithResource(c.resource.Plural),
		Namespace: c.namespace,
		Name:      c.info.Name,

		Definition: c.resource,
		Object:     obj,
		OldObject:  old,
	}
	if c.resource.Plural == "namespaces" && c.resource.Group == "" {
		a.Namespace = c.info.Name
	}
	if c.sub != nil {
		a.Subresource, a.Kind = c.sub.Name, c.sub.kind.GVK
	}
	if a.Name == "" && obj != nil {
		a.Name = obj.GetName()
	}
	return a
}

func (w *write) attributes(operation request.Operation, obj, old api.Object) *request.Attributes {
	a := w.call.attributes(operation, obj, old)
	a.Options, a.DryRun = w.options, w.dryRun
	return a
}

// present returns a private copy of the object of the call, for dry runs.
func (c *call) present() (api.Object, error) {
	record, err := c.collection.Get(c.ctx, c.namespace, c.info.Name, storage.Consistent)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return record.Object()
}
