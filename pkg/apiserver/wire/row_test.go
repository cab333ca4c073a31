package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// counted is a source that counts how often it is encoded and keeps what came out.
type counted struct {
	Fresh
	kept []byte
	n    int
}

func (c *counted) Bytes(form *storage.Form) ([]byte, error) {
	if c.n++; c.n > 1 {
		return c.kept, nil
	}
	var err error
	c.kept, err = c.Fresh.Bytes(form)
	return c.kept, err
}

func TestRowsAreKept(t *testing.T) {
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	obj := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a", CreationTimestamp: metav1.NewTime(created)}}
	rows := 0
	c := newColumns(&api.Resource{
		Columns: []metav1.TableColumnDefinition{api.NameColumn, api.Column("Data", "integer", ""), api.AgeColumn},
		Row: func(obj api.Object, now time.Time) []any {
			rows++
			return []any{obj.GetName(), 0, api.Age(obj.GetCreationTimestamp(), now)}
		},
	})
	k := &Kind{columns: c}
	item := &counted{Fresh: Fresh{obj}}
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{
		{0, `{"cells":["a",0,"0s"]`},
		{90 * time.Second, `{"cells":["a",0,"90s"]`},
		{49 * time.Hour, `{"cells":["a",0,"2d1h"]`},
	} {
		got, err := k.cells(item, created.Add(tt.after))
		if err != nil || string(got) != tt.want {
			t.Errorf("after %s: %s %v, want %s", tt.after, got, err, tt.want)
		}
	}
	if rows != 2 {
		t.Errorf("the row was made %d times, want 2: once for each of the moments that are compared", rows)
	}
}

func TestRowsThatDependOnTheTimeAreNotKept(t *testing.T) {
	obj := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.Now()}}
	form := rowForm(&columns{row: func(obj api.Object, now time.Time) []any {
		return []any{fmt.Sprintf("1 (%s ago)", api.Age(obj.GetCreationTimestamp(), now))}
	}})
	if kept, err := form.Encode(obj); err != nil || len(kept) != 0 {
		t.Errorf("kept %q, %v", kept, err)
	}
}

// TestDefaultIsMarkedInLists marks one item of a list, and nothing of an object by itself.
func TestDefaultIsMarkedInLists(t *testing.T) {
	k := &Kind{columns: newColumns(&api.Resource{
		Columns:   []metav1.TableColumnDefinition{api.NameColumn},
		Row:       func(obj api.Object, _ time.Time) []any { return []any{obj.GetName()} },
		DefaultOf: func(list []api.Object) int { return len(list) - 1 },
	})}
	item := func(name string) Source {
		return Fresh{&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}}
	}
	rows := func(meta metav1.ListMeta, items ...Source) string {
		parts, err := k.table(Media{}, items, meta, &metav1.TableOptions{NoHeaders: true, IncludeObject: metav1.IncludeNone})
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(bytes.Join(parts, nil)), `"rows":`)
		return text
	}
	if got := rows(metav1.ListMeta{ResourceVersion: "1"}, item("a"), item("b")); got != `[{"cells":["a"],"object":null},{"cells":["b (default)"],"object":null}]}` {
		t.Errorf("a list: %s", got)
	}
	if got := rows(metav1.ListMeta{}, item("a")); got != `[{"cells":["a"],"object":null}]}` {
		t.Errorf("an object: %s", got)
	}
}
