package rest

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

// delete removes an object, or marks it as being deleted when it has time left
// or something that keeps it.
func (c *call) delete() error {
	media, tables, err := c.negotiate(wire.Shapes)
	if err != nil {
		return err
	}
	options, err := c.deleteOptions()
	if err != nil {
		return err
	}
	if ptr.Deref(options.IgnoreStoreReadErrorWithClusterBreakingPotential, false) {
		return c.refuseUnsafe()
	}
	d := &deletion{call: c, options: options, name: c.info.Name}
	if err := d.run(); err != nil {
		return err
	}
	if d.removed && !c.resource.ReturnDeleted {
		wire.WriteAs(c.w, c.r, wire.Media{Type: media.Type, Pretty: media.Pretty}, http.StatusOK, d.status())
		return nil
	}
	code := http.StatusOK
	if !d.removed && options.OrphanDependents != nil && !*options.OrphanDependents {
		code = http.StatusAccepted // dependents are to go first
	}
	return c.answer(code, c.kind, media, tables, wire.Fresh{Object: d.last})
}

// deleteCollection deletes all objects that match and answers with them as they were.
func (c *call) deleteCollection() error {
	media, tables, err := c.negotiate(wire.Shapes)
	if err != nil {
		return err
	}
	query, err := c.listOptions()
	if err != nil {
		return err
	}
	options, err := c.deleteOptions()
	if err != nil {
		return err
	}
	if ptr.Deref(options.IgnoreStoreReadErrorWithClusterBreakingPotential, false) {
		return invalidOptions("DeleteOptions", field.ErrorList{field.Invalid(field.NewPath("ignoreStoreReadErrorWithClusterBreakingPotential"), true,
			"is not allowed with DELETECOLLECTION, try again after removing the option")})
	}
	page, err := c.page(query)
	if err != nil {
		return err
	}
	for _, record := range page.Records {
		d := &deletion{call: c, options: options.DeepCopy(), name: record.Name}
		if err := d.run(); err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
	}
	return c.answerList(media, tables, page)
}

// refuseUnsafe answers a delete that wants to do without reading the object: that is
// for objects that cannot be read, and those that are served can.
func (c *call) refuseUnsafe() error {
	if _, err := c.collection.Get(c.ctx, c.namespace, c.info.Name, storage.Consistent); err != nil {
		return err
	}
	return apierrors.NewConflict(schema.GroupResource{Group: c.kind.GVK.Group, Resource: c.resource.Plural}, c.info.Name,
		fmt.Errorf("StorageError: invalid object, Code: 4, Key: %s, ResourceVersion: 0, AdditionalErrorMsg: unsafe deletion is not allowed because the object is decodable from storage",
			c.collection.Key(c.namespace, c.info.Name)))
}

// deleteOptions reads the options from the body, or from the query if there is none.
func (c *call) deleteOptions() (*metav1.DeleteOptions, error) {
	options := &metav1.DeleteOptions{}
	body, err := wire.ReadBody(c.r)
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		err = c.decodeDeleteOptions(body, options)
	} else {
		query := c.r.URL.Query()
		err = badRequest(metav1.Convert_url_Values_To_v1_DeleteOptions(&query, options, nil))
	}
	if err != nil {
		return nil, err
	}
	options.TypeMeta = optionsType("DeleteOptions")
	if c.resource.DeleteWarnings != nil {
		for _, text := range c.resource.DeleteWarnings(options) {
			c.state.Warn(text)
		}
	}
	if len(body) > 0 {
		c.state.NoteRequest(options)
	}
	return options, invalidOptions("DeleteOptions", validation.ValidateDeleteOptions(options))
}

func (c *call) decodeDeleteOptions(body []byte, options *metav1.DeleteOptions) error {
	contentType, err := c.decoder.ContentType(c.r)
	if err != nil {
		return err
	}
	return c.decoder.DecodeOptions(contentType, body, options, "DeleteOptions")
}

// deletion is the delete of one object.
type deletion struct {
	*call
	options *metav1.DeleteOptions
	name    string

	last    api.Object // the object as it is afterwards, or was in the end
	removed bool
}

func (d *deletion) run() error {
	if dryRun(d.options.DryRun) {
		record, err := d.collection.Get(d.ctx, d.namespace, d.name, storage.Consistent)
		if err != nil {
			return err
		}
		current, err := record.Object()
		if err != nil {
			return err
		}
		_, err = d.step(current)
		return err
	}
	record, err := d.collection.Modify(d.ctx, d.namespace, d.name, d.step)
	if err != nil {
		return err
	}
	if d.removed {
		d.gone(d.last)
		return nil
	}
	d.last, err = record.Object()
	return err
}

// step marks the object and says whether it stays.
func (d *deletion) step(current api.Object) (api.Object, error) {
	if current == nil {
		return nil, storage.ErrNotFound
	}
	if err := d.checkPreconditions(current); err != nil {
		return nil, err
	}
	if err := d.admit(current); err != nil {
		return nil, err
	}
	obj := current.DeepCopyObject().(api.Object)
	d.last, d.removed = obj, false
	graceful, pending := d.grace(obj)
	if pending {
		return current, nil
	}
	d.setCollectorFinalizers(obj)
	stays := len(obj.GetFinalizers()) > 0
	if d.resource.BeginDelete != nil && d.resource.BeginDelete(obj) {
		stays = true
	}
	switch {
	case !graceful && stays:
		d.mark(obj)
	case graceful && *obj.GetDeletionGracePeriodSeconds() > 0, stays:
	default:
		d.removed = true
		return nil, nil
	}
	return obj, nil
}

func (d *deletion) admit(current api.Object) error {
	attributes := d.attributes(request.Delete, nil, current)
	attributes.Name, attributes.Options, attributes.DryRun = d.name, d.options, dryRun(d.options.DryRun)
	if err := d.Admission.Mutate(d.ctx, attributes); err != nil {
		return err
	}
	return d.Admission.Validate(d.ctx, attributes)
}

func (d *deletion) checkPreconditions(current api.Object) error {
	wanted := d.options.Preconditions
	if wanted == nil {
		return nil
	}
	resource := schema.GroupResource{Group: d.kind.GVK.Group, Resource: d.resource.Kind} // upstream names the kind here
	if wanted.UID != nil && *wanted.UID != current.GetUID() {
		return apierrors.NewConflict(resource, d.name,
			fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *wanted.UID, current.GetUID()))
	}
	if wanted.ResourceVersion != nil && *wanted.ResourceVersion != current.GetResourceVersion() {
		return apierrors.NewConflict(resource, d.name,
			fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *wanted.ResourceVersion, current.GetResourceVersion()))
	}
	return nil
}

// grace gives the object its time to stop. graceful means that it is marked
// with that time; pending that it was marked before and nothing changes.
func (d *deletion) grace(obj api.Object) (graceful, pending bool) {
	if d.resource.Grace == nil {
		return false, false
	}
	if asked := d.options.GracePeriodSeconds; asked != nil && *asked < 0 {
		*asked = 1
	}
	if obj.GetDeletionTimestamp() != nil {
		return d.shorten(obj)
	}
	seconds := d.resource.Grace(obj, d.options.DeepCopy())
	deadline := metav1.NewTime(api.Now(d.ctx).Add(time.Duration(seconds) * time.Second))
	obj.SetDeletionTimestamp(&deadline)
	obj.SetDeletionGracePeriodSeconds(&seconds)
	bumpGeneration(obj)
	return true, false
}

// shorten gives an object that is being deleted less time; never more.
func (d *deletion) shorten(obj api.Object) (graceful, pending bool) {
	had := obj.GetDeletionGracePeriodSeconds()
	switch asked := d.options.GracePeriodSeconds; {
	case had == nil:
		return false, false
	case asked == nil || *asked >= *had:
		return false, true
	default:
		deadline := metav1.NewTime(obj.GetDeletionTimestamp().Add(time.Duration(*asked-*had) * time.Second))
		seconds := *asked
		obj.SetDeletionTimestamp(&deadline)
		obj.SetDeletionGracePeriodSeconds(&seconds)
		return true, false
	}
}

// mark marks an object that stays only because something keeps it.
func (d *deletion) mark(obj api.Object) {
	now := api.Now(d.ctx)
	if obj.GetDeletionTimestamp() == nil {
		bumpGeneration(obj)
	}
	if had := obj.GetDeletionTimestamp(); had == nil || had.After(now.Time) {
		obj.SetDeletionTimestamp(&now)
	}
	if d.resource.BeginDelete == nil {
		obj.SetDeletionGracePeriodSeconds(new(int64))
	}
}

func bumpGeneration(obj api.Object) {
	if obj.GetGeneration() > 0 {
		obj.SetGeneration(obj.GetGeneration() + 1)
	}
}

// setCollectorFinalizers tells the garbage collector, in finalizers, what to do
// with the dependents.
//
// https://kubernetes.io/docs/concepts/architecture/garbage-collection/#cascading-deletion
func (d *deletion) setCollectorFinalizers(obj api.Object) {
	var kept []string
	had := ""
	for _, name := range obj.GetFinalizers() {
		switch name {
		case metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents:
			had = name
		default:
			kept = append(kept, name)
		}
	}
	if want := d.collectorFinalizer(had); want != "" {
		kept = append(kept, want)
	}
	obj.SetFinalizers(kept)
}

// collectorFinalizer is what the client asks for, else what the object had, else
// what the kind does.
func (d *deletion) collectorFinalizer(had string) string {
	switch orphan, policy := d.options.OrphanDependents, d.options.PropagationPolicy; {
	case orphan != nil && *orphan:
		return metav1.FinalizerOrphanDependents
	case orphan != nil:
		return ""
	case policy != nil && *policy == metav1.DeletePropagationOrphan:
		return metav1.FinalizerOrphanDependents
	case policy != nil && *policy == metav1.DeletePropagationForeground:
		return metav1.FinalizerDeleteDependents
	case policy != nil:
		return ""
	case had == "" && d.resource.DefaultOrphan:
		return metav1.FinalizerOrphanDependents
	}
	return had
}

// status says that the object is gone.
func (d *deletion) status() *metav1.Status {
	return &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusSuccess,
		Details: &metav1.StatusDetails{
			Name: d.name, Group: d.kind.GVK.Group, Kind: d.resource.Plural, UID: d.last.GetUID(),
		},
	}
}
