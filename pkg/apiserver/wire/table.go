package wire

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// Tables: what kubectl get shows, a row of cells for each object. The cells are
// the resource's business (api.Resource.Row).

// columns are a resource's, with their definitions encoded once.
type columns struct {
	definitions []byte
	row         func(obj api.Object, now time.Time) []any
	conditions  func(obj api.Object) []metav1.TableRowCondition // may be nil
	defaultOf   func(list []api.Object) int                     // may be nil
	form        *storage.Form                                   // of a row; see row.go
	plain       bool                                            // the resource has none of its own: no rows are null, as upstream
}

func newColumns(r *api.Resource) *columns {
	definitions, row := r.Columns, r.Row
	if row == nil {
		docs := metav1.ObjectMeta{}.SwaggerDoc()
		definitions = []metav1.TableColumnDefinition{
			{Name: "Name", Type: "string", Format: "name", Description: docs["name"]},
			{Name: "Created At", Type: "date", Description: docs["creationTimestamp"]},
		}
		row = func(obj api.Object, _ time.Time) []any {
			return []any{obj.GetName(), obj.GetCreationTimestamp().UTC().Format(time.RFC3339)}
		}
	}
	data, err := json.Marshal(definitions)
	if err != nil { // plain strings and numbers always encode
		data = []byte("[]")
	}
	c := &columns{definitions: data, row: row, plain: r.Row == nil, conditions: r.RowConditions, defaultOf: r.DefaultOf}
	c.form = rowForm(c)
	return c
}

// table answers with a row for each item. meta is the list's; for a single
// object its resourceVersion is taken.
func (k *Kind) table(media Media, items []Source, meta metav1.ListMeta, options *metav1.TableOptions) (Parts, error) {
	now := time.Now()
	if meta.ResourceVersion != "" && k.columns.defaultOf != nil {
		var err error
		if items, err = k.columns.withDefault(items); err != nil {
			return nil, err
		}
	}
	rows := make(Parts, 0, 2*len(items)+2)
	for i, item := range items {
		if meta.ResourceVersion == "" {
			meta.ResourceVersion = resourceVersionOf(item)
		}
		row, err := k.row(item, media, now, options)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			rows = append(rows, itemComma)
		}
		rows = append(rows, row...)
	}
	metadata, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	definitions := k.columns.definitions
	if options.NoHeaders {
		definitions = []byte("null")
	}
	version := media.As.GroupVersion().String()
	head := fmt.Appendf(nil, `{"kind":"Table","apiVersion":%q,"metadata":%s,"columnDefinitions":%s,"rows":`, version, metadata, definitions)
	body := Parts{head, []byte("null}")}
	if len(items) > 0 || !k.columns.plain {
		body = append(append(Parts{head, []byte("[")}, rows...), listTail)
	}
	if media.Type == runtime.ContentTypeCBOR {
		return fromJSON(body)
	}
	return body, nil
}

// withDefault marks the item of a list that is the default of its kind.
func (c *columns) withDefault(items []Source) ([]Source, error) {
	objects := make([]api.Object, len(items))
	for i, item := range items {
		var err error
		if objects[i], err = ObjectOf(item); err != nil {
			return nil, err
		}
	}
	if i := c.defaultOf(objects); i >= 0 {
		items = slices.Clone(items)
		items[i] = byDefault{items[i], objects[i]}
	}
	return items, nil
}

// byDefault is an item whose row says that it is the default.
type byDefault struct {
	Source
	object api.Object
}

func (k *Kind) row(item Source, media Media, now time.Time, options *metav1.TableOptions) (Parts, error) {
	cells, err := k.cells(item, now)
	if chosen, ok := item.(byDefault); ok {
		item = chosen.Source
		row := k.columns.row(chosen.object, now)
		row[0] = fmt.Sprintf("%v (default)", row[0])
		cells, err = k.columns.encode(chosen.object, row)
	}
	if err != nil {
		return nil, err
	}
	object := Parts{[]byte("null")}
	switch options.IncludeObject {
	case metav1.IncludeNone:
	case metav1.IncludeObject:
		object, err = k.self.object(Media{Type: runtime.ContentTypeJSON}, item)
	default:
		partial := k.partial
		partial.gvk.Version = media.As.Version
		object, err = partial.object(Media{Type: runtime.ContentTypeJSON}, item)
	}
	if err != nil {
		return nil, err
	}
	row := Parts{cells, rowObject}
	return append(append(row, object...), rowTail), nil
}

var (
	rowObject = []byte(`,"object":`)
	rowTail   = []byte("}")
)

func resourceVersionOf(item Source) string {
	switch item := item.(type) {
	case Fresh:
		return item.GetResourceVersion()
	case *storage.Record:
		return ResourceVersion(item.Revision)
	}
	return ""
}

// ObjectOf returns the object that a source has the bytes of. The caller may not
// change it.
func ObjectOf(item Source) (api.Object, error) {
	switch item := item.(type) {
	case Fresh:
		return item.Object, nil
	case *storage.Record:
		return item.Object()
	}
	return nil, fmt.Errorf("no object behind a %T", item)
}

// ResourceVersion is a revision as clients see it.
func ResourceVersion(revision int64) string { return strconv.FormatInt(revision, 10) }
