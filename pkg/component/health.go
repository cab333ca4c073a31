package component

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Check is one thing that has to be well for a component to be. Run is called
// for each request, so it must be quick and safe for concurrent use.
type Check struct {
	Name string // shown by ?verbose and used in /readyz/<name>
	Run  func(ctx context.Context) error
}

// Ping passes whenever the process answers.
var Ping = Check{Name: "ping", Run: func(context.Context) error { return nil }}

// HealthHandler answers for one of /livez, /readyz and /healthz, which kind names
// without the slash, and for each check below it: 200 "ok", or 500 with the list
// of checks. ?verbose shows the list always and ?exclude=NAME leaves a check out,
// as https://kubernetes.io/docs/reference/using-api/health-checks/ says.
func HealthHandler(kind string, checks ...Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if name, below := strings.CutPrefix(r.URL.Path, "/"+kind+"/"); below {
			answerOne(w, r, name, checks)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		report, failed := runChecks(r.Context(), kind, checks, r.URL.Query()["exclude"])
		switch {
		case len(failed) > 0:
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, "%s%s check failed\n", report, kind)
		case r.URL.Query().Has("verbose"):
			fmt.Fprintf(w, "%s%s check passed\n", report, kind)
		default:
			fmt.Fprint(w, "ok")
		}
	})
}

func answerOne(w http.ResponseWriter, r *http.Request, name string, checks []Check) {
	i := slices.IndexFunc(checks, func(c Check) bool { return c.Name == name })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	if err := checks[i].Run(r.Context()); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "internal server error: %v\n", err)
		return
	}
	fmt.Fprint(w, "ok")
}

// runChecks runs all but the excluded ones. The reason of a failure stays in the log
// upstream; here it is part of the report, because who may read the report may know.
func runChecks(ctx context.Context, kind string, checks []Check, exclude []string) (report string, failed []string) {
	var out strings.Builder
	for _, check := range checks {
		if slices.Contains(exclude, check.Name) {
			fmt.Fprintf(&out, "[+]%s excluded: ok\n", check.Name)
			continue
		}
		err := check.Run(ctx)
		gauge := healthcheck.WithLabelValues(check.Name, kind)
		if err != nil {
			gauge.Set(0)
			failed = append(failed, check.Name)
			fmt.Fprintf(&out, "[-]%s failed: %v\n", check.Name, err)
			continue
		}
		gauge.Set(1)
		fmt.Fprintf(&out, "[+]%s ok\n", check.Name)
	}
	return out.String(), failed
}
