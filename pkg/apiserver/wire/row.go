package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// A row's cells are kept like any other form of a record, although most rows
// have a cell that changes by the second: the age. So a kept row has a hole for
// each age, and the time that it is counted from stands before it. Rows with any other cell
// that depends on the time (how long ago a container restarted) are not
// kept; their form is empty.
//
//	eight bytes of Unix seconds, then the JSON of the row with \x00 for each age

const hole = 0

// rowForm is the form of the cells and conditions of an object's row.
func rowForm(c *columns) *storage.Form {
	return &storage.Form{Name: "table row", Encode: func(obj api.Object) ([]byte, error) {
		created := obj.GetCreationTimestamp()
		// Two moments that no cell can tell alike if it depends on the time.
		early, late := created.Add(7*time.Second), created.Add(200*24*time.Hour)
		cells, later := c.row(obj, early), c.row(obj, late)
		for i := range cells {
			if reflect.DeepEqual(cells[i], later[i]) {
				continue
			}
			if cells[i] != any(api.Age(created, early)) || later[i] != any(api.Age(created, late)) {
				return nil, nil
			}
			cells[i] = age{}
		}
		row, err := c.encode(obj, cells)
		if err != nil {
			return nil, err
		}
		row = bytes.ReplaceAll(row, ageMark, []byte{hole})
		return append(binary.BigEndian.AppendUint64(nil, uint64(created.Unix())), row...), nil
	}}
}

// age stands for an age until the row is encoded.
type age struct{}

var ageMark = []byte(`"\u0000age"`)

// MarshalJSON writes what is replaced by a hole: a text that no cell has.
func (age) MarshalJSON() ([]byte, error) { return ageMark, nil }

// fill returns a kept row as it is now.
func fill(kept []byte, now time.Time) []byte {
	created := metav1.Unix(int64(binary.BigEndian.Uint64(kept)), 0)
	row := kept[8:]
	if bytes.IndexByte(row, hole) < 0 {
		return row
	}
	return bytes.ReplaceAll(row, []byte{hole}, fmt.Appendf(nil, "%q", api.Age(created, now)))
}

// encode returns the fields of a row but for its object.
func (c *columns) encode(obj api.Object, cells []any) ([]byte, error) {
	data, err := json.Marshal(cells)
	if err != nil {
		return nil, err
	}
	row := append([]byte(`{"cells":`), data...)
	if c.conditions == nil {
		return row, nil
	}
	conditions := c.conditions(obj)
	if len(conditions) == 0 {
		return row, nil
	}
	if data, err = json.Marshal(conditions); err != nil {
		return nil, err
	}
	return append(append(row, `,"conditions":`...), data...), nil
}

// cells returns the fields of an item's row but for its object, from the kept
// form if there is one.
func (k *Kind) cells(item Source, now time.Time) ([]byte, error) {
	kept, err := item.Bytes(k.columns.form)
	if err != nil {
		return nil, err
	}
	if len(kept) > 0 {
		return fill(kept, now), nil
	}
	obj, err := ObjectOf(item)
	if err != nil {
		return nil, err
	}
	return k.columns.encode(obj, k.columns.row(obj, now))
}
