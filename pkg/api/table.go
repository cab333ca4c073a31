package api

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// None fills a cell that has nothing to show.
const None = "<none>"

var metaDoc = metav1.ObjectMeta{}.SwaggerDoc()

// The columns that nearly every kind has.
var (
	NameColumn = metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name", Description: metaDoc["name"]}
	AgeColumn  = metav1.TableColumnDefinition{Name: "Age", Type: "string", Description: metaDoc["creationTimestamp"]}
)

// Column returns a column that is always shown. kind is an OpenAPI type:
// string, integer, boolean, date.
func Column(name, kind, description string) metav1.TableColumnDefinition {
	return metav1.TableColumnDefinition{Name: name, Type: kind, Description: description}
}

// WideColumn returns a column that is shown with -o wide only.
func WideColumn(name, kind, description string) metav1.TableColumnDefinition {
	return metav1.TableColumnDefinition{Name: name, Type: kind, Description: description, Priority: 1}
}

// Age returns how long ago t was in the short form of a table, "5m" or "3d2h".
func Age(t metav1.Time, now time.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(t.Time))
}

// OrNone returns s, or None if there is nothing in it.
func OrNone(s string) string {
	if s == "" {
		return None
	}
	return s
}
