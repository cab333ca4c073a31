package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// differences says, a line each, in what two decoded values differ.
func differences(path string, theirs, ours any) []string {
	switch t := theirs.(type) {
	case map[string]any:
		if o, ok := ours.(map[string]any); ok {
			return differentKeys(path, t, o)
		}
	case []any:
		if o, ok := ours.([]any); ok {
			var all []string
			if len(t) != len(o) {
				all = append(all, line(path+".length", len(t), len(o)))
			}
			for i := range max(len(t), len(o)) {
				all = append(all, differences(fmt.Sprintf("%s[%d]", path, i), at(t, i), at(o, i))...)
			}
			return all
		}
	}
	if reflect.DeepEqual(theirs, ours) {
		return nil
	}
	return []string{line(path, theirs, ours)}
}

func differentKeys(path string, theirs, ours map[string]any) []string {
	keys := maps.Clone(theirs)
	maps.Copy(keys, ours)
	var all []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		t, inTheirs := theirs[key]
		o, inOurs := ours[key]
		switch {
		case !inTheirs:
			all = append(all, line(path+"."+key, absent{}, o))
		case !inOurs:
			all = append(all, line(path+"."+key, t, absent{}))
		default:
			all = append(all, differences(path+"."+key, t, o)...)
		}
	}
	return all
}

var index = regexp.MustCompile(`\[\d+\]`)

// except takes the differences away that the step names, and returns which of those
// that it names there are not.
func (s step) except(found []string) (rest, unused []string) {
	used := map[string]bool{}
	for _, difference := range found {
		path, _, _ := strings.Cut(difference, ": ")
		path = strings.TrimPrefix(index.ReplaceAllString(path, ""), ".body.value.")
		named := false
		for name := range s.Except {
			if path == name || strings.HasPrefix(path, name+".") {
				used[name], named = true, true
			}
		}
		if !named {
			rest = append(rest, difference)
		}
	}
	for name := range s.Except {
		if !used[name] {
			unused = append(unused, name)
		}
	}
	return rest, unused
}

// absent stands for a value that is not there.
type absent struct{}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return absent{}
}

func line(path string, theirs, ours any) string {
	return fmt.Sprintf("%s: upstream %s, ours %s", path, show(theirs), show(ours))
}

func show(value any) string {
	if value == (any)(absent{}) {
		return "nothing"
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	shown := strings.TrimSpace(text.String())
	if len(shown) > 1000 {
		return shown[:1000] + "..."
	}
	return shown
}
