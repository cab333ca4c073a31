package apiserver

import (
	"encoding/json"
	"net/http"
	goruntime "runtime"

	apimachineryversion "k8s.io/apimachinery/pkg/version"

	"slowmo/pkg/component"
)

// serveVersion answers in upstream's shape: clients compare minor versions.
func serveVersion(w http.ResponseWriter, _ *http.Request) {
	data, err := json.MarshalIndent(apimachineryversion.Info{
		Major: "1", Minor: "37", EmulationMajor: "1", EmulationMinor: "37", MinCompatibilityMajor: "1", MinCompatibilityMinor: "36",
		GitVersion: component.Version, GitTreeState: "clean",
		GoVersion: goruntime.Version(), Compiler: goruntime.Compiler, Platform: goruntime.GOOS + "/" + goruntime.GOARCH,
	}, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // a client that is gone needs no answer
}
