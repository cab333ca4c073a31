package http2_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	spec9113 "github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"
)

// outdated are the cases that RFC 9113 has done away with since they were written.
var outdated = map[string]string{
	"http2/5.3.1/1": "RFC 9113, 5.3.2 drops the priorities of RFC 7540",
	"http2/5.3.1/2": "RFC 9113, 5.3.2 drops the priorities of RFC 7540",
}

// TestConformance runs h2spec.
//
// https://github.com/summerwind/h2spec
func TestConformance(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "an answer that is long enough to be cut into frames")
	})
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Host: host, Path: "/", TLS: true, Insecure: true, Strict: true, Timeout: 2 * time.Second, MaxHeaderLen: 4000}
	if c.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	quiet(t)
	for _, group := range []*spec.TestGroup{generic.Spec(), spec9113.Spec(), hpack.Spec()} {
		group.Test(c)
		report(t, group)
	}
}

// quiet has what h2spec prints thrown away.
func quiet(t *testing.T) {
	before := os.Stdout
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout = nowhere
	t.Cleanup(func() {
		os.Stdout = before
		nowhere.Close()
	})
}

func report(t *testing.T, group *spec.TestGroup) {
	for i, test := range append(group.Tests, group.StrictTests...) {
		name := group.ID() + "/" + strconv.Itoa(i+1)
		why, known := outdated[name]
		switch failed := test.Result != nil && test.Result.Failed; {
		case failed && !known:
			t.Errorf("%s %s: %v", name, test.Desc, strings.ReplaceAll(test.Result.Error.Error(), "\n", "; "))
		case !failed && known:
			t.Errorf("%s passes, though %s", name, why)
		}
	}
	for _, below := range group.Groups {
		report(t, below)
	}
}
