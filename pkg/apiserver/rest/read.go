package rest

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

// get answers with one object.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
func (c *call) get() error {
	media, tables, err := c.negotiate(wire.Shapes)
	if err != nil {
		return err
	}
	if c.resource.Virtual {
		return c.getVirtual(media, tables)
	}
	record, err := c.read()
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, c.kind, media, tables, record)
}

// read returns the record that a get names.
func (c *call) read() (*storage.Record, error) {
	at, err := revision(c.r.URL.Query().Get("resourceVersion"), storage.Consistent)
	if err != nil {
		return nil, err
	}
	return c.collection.Get(c.ctx, c.namespace, c.info.Name, at)
}

// list answers with all objects that match, or with one page of them.
func (c *call) list() error {
	media, tables, err := c.negotiate(wire.Shapes)
	if err != nil {
		return err
	}
	options, err := c.listOptions()
	if err != nil {
		return err
	}
	if c.resource.Virtual {
		return c.listVirtual(media, tables, predicate(options))
	}
	page, err := c.page(options)
	if err != nil {
		return err
	}
	return c.answerList(media, tables, page)
}

func (c *call) page(options *internalversion.ListOptions) (*storage.Page, error) {
	query := storage.ListOptions{Namespace: c.namespace, Predicate: predicate(options), Limit: options.Limit, Continue: options.Continue}
	var err error
	if query.Revision, err = revision(options.ResourceVersion, 0); err != nil {
		return nil, apierrors.NewBadRequest("invalid resource version: " + err.Error())
	}
	switch version := options.ResourceVersion; {
	case options.Continue != "" && version != "" && version != "0":
		return nil, apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
	case options.Continue != "":
	case version == "":
		query.Match = storage.MatchConsistent
	case version == "0":
		query.Match = storage.MatchAny
		query.Limit = 0 // upstream serves the whole of its cache then
	case options.ResourceVersionMatch == metav1.ResourceVersionMatchExact,
		options.ResourceVersionMatch == "" && options.Limit > 0:
		query.Match = storage.MatchExact
	default:
		query.Match = storage.MatchNotOlderThan
	}
	return c.collection.List(c.ctx, query)
}

func (c *call) answerList(media wire.Media, tables *metav1.TableOptions, page *storage.Page) error {
	items := make([]wire.Source, len(page.Records))
	for i, record := range page.Records {
		items[i] = record
	}
	return c.answerItems(media, tables, items,
		metav1.ListMeta{ResourceVersion: wire.ResourceVersion(page.Revision), Continue: page.Continue, RemainingItemCount: page.Remaining})
}

func (c *call) answerItems(media wire.Media, tables *metav1.TableOptions, items []wire.Source, meta metav1.ListMeta) error {
	parts, err := c.kind.ListBody(media, items, meta, tables)
	if err != nil {
		return err
	}
	c.state.NoteResponse(func() ([]byte, error) {
		shown, err := c.kind.ListBody(wire.JSON, items, meta, tables)
		return shown.Join(), err
	})
	wire.Respond(c.w, c.r, media, http.StatusOK, parts)
	return nil
}

func (c *call) negotiate(offer wire.Offer) (wire.Media, *metav1.TableOptions, error) {
	media, err := wire.Negotiate(c.r, offer)
	if err != nil || media.As.Kind != "Table" {
		return media, nil, err
	}
	tables, err := c.tableOptions()
	return media, tables, err
}

// answer sends one object.
func (c *call) answer(code int, kind *wire.Kind, media wire.Media, tables *metav1.TableOptions, from wire.Source) error {
	parts, err := kind.Object(media, from, tables)
	if err != nil {
		return err
	}
	c.state.NoteResponse(func() ([]byte, error) {
		shown, err := kind.Object(wire.JSON, from, tables)
		return shown.Join(), err
	})
	wire.Respond(c.w, c.r, media, code, parts)
	return nil
}
