package apiserver

import (
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"slowmo/pkg/component"
)

// /flagz and /statusz show a person how the server was started and how it is.
//
// https://kubernetes.io/docs/reference/instrumentation/zpages/

const zpageHead = `
kube-apiserver %s
Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.

`

func zpage(name string, body func() string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		fmt.Fprintf(w, zpageHead, name)
		fmt.Fprint(w, body())
	})
}

// flagz lists all flags with their values, given or not.
func flagz(flags map[string]string) http.Handler {
	return zpage("flags", func() string {
		var out strings.Builder
		for _, name := range slices.Sorted(maps.Keys(flags)) {
			fmt.Fprintf(&out, "%s=%s\n", name, flags[name])
		}
		return out.String()
	})
}

func statusz(started time.Time, paths []string) http.Handler {
	version := strings.TrimPrefix(component.Version, "v")
	minor := version[:strings.LastIndexByte(version, '.')]
	return zpage("statusz", func() string {
		up := time.Since(started)
		return fmt.Sprintf("Started: %s\nUp: %d hr %02d min %02d sec\nGo version: %s\nBinary version: %s\nEmulation version: %s\nPaths: %s\n",
			started.Format(time.UnixDate), int(up.Hours()), int(up.Minutes())%60, int(up.Seconds())%60,
			runtime.Version(), version, minor, strings.Join(paths, " "))
	})
}
