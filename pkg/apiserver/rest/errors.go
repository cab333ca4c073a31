package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/storage"
)

// errStale is what a write is refused with that was made from an older state.
var errStale = errors.New("the object has been modified; please apply your changes to the latest version and try again")

// apiError turns the storage's errors into what clients know them as. The call
// says which object they are about.
func (c *call) apiError(err error) error {
	var api apierrors.APIStatus
	var expired *storage.ExpiredError
	var future *storage.FutureError
	resource := c.resource.GroupResource()
	resource.Group = c.kind.GVK.Group
	switch {
	case err == nil || errors.As(err, &api):
		return err
	case errors.Is(err, storage.ErrNotFound):
		return apierrors.NewNotFound(resource, c.info.Name)
	case errors.Is(err, storage.ErrExists):
		return apierrors.NewAlreadyExists(resource, c.info.Name)
	case errors.Is(err, storage.ErrConflict):
		return apierrors.NewConflict(resource, c.info.Name, errStale)
	case errors.As(err, &expired) && expired.Continue != "":
		status := apierrors.NewResourceExpired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.")
		status.ErrStatus.ListMeta.Continue = expired.Continue
		return status
	case errors.Is(err, storage.ErrExpired):
		return apierrors.NewResourceExpired("The resourceVersion for the provided list is too old.")
	case errors.As(err, &future):
		return tooLarge(future.Error())
	case errors.Is(err, storage.ErrContinue):
		return apierrors.NewBadRequest(fmt.Sprintf("invalid continue token: %v", err))
	case errors.Is(err, c.ctx.Err()):
		return apierrors.NewTimeoutError("request did not complete within requested timeout - "+err.Error(), 0)
	}
	return err
}

// tooLarge tells a client that it has seen a newer state than this server yet.
func tooLarge(message string) error {
	status := apierrors.NewTimeoutError(message, 1)
	status.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version",
	}}
	return status
}

// terminating adds to the error of a create that the name is taken by an object
// that is about to go.
func terminating(err error) error {
	var status *apierrors.StatusError
	if errors.As(err, &status) && status.ErrStatus.Code == http.StatusConflict {
		status.ErrStatus.Message = "object is being deleted: " + status.ErrStatus.Message
	}
	return err
}

// checkMeant refuses a write that is about an object or a state by its UID or
// ResourceVersion, the field, and finds another. Upstream's storage has the words for it.
func (c *call) checkMeant(dryRun bool, field, meant, present string) error {
	if meant == "" || meant == present {
		return nil
	}
	key := c.collection.Key(c.namespace, c.info.Name)
	if dryRun {
		key = strings.TrimPrefix(key, "/registry")
	}
	resource := c.resource.GroupResource()
	resource.Group = c.kind.GVK.Group
	return apierrors.NewConflict(resource, c.info.Name,
		fmt.Errorf("StorageError: invalid object, Code: 4, Key: %s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: %s in precondition: %s, %s in object meta: %s",
			key, field, meant, field, present))
}
