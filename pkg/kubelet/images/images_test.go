package images

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"

	"slowmo/pkg/kubelet/fake"
)

// ensure asks for the image and returns the outcome and the events.
func ensure(p *Puller, recorder *record.FakeRecorder, c *v1.Container) (string, []string) {
	pod := &v1.Pod{}
	pod.UID = "u"
	outcome := "ok"
	image, err := p.Ensure(context.Background(), pod, c, nil, nil)
	if found := p.Find(context.Background(), c.Image); image != nil && found.GetId() != image.Id {
		outcome = "another image is found than was ensured"
	}
	var wait *WaitError
	if errors.As(err, &wait) {
		outcome = wait.Reason
	}
	var said []string
	for len(recorder.Events) > 0 {
		said = append(said, <-recorder.Events)
	}
	return outcome, said
}

func newPuller(r *fake.Runtime) (*Puller, *record.FakeRecorder) {
	recorder := record.NewFakeRecorder(100)
	return NewPuller(r, recorder, NewMetrics(prometheus.NewRegistry())), recorder
}

func TestPullPolicies(t *testing.T) {
	r := fake.New(0)
	p, recorder := newPuller(r)
	image := "example.com/a:1"
	for _, c := range []struct {
		policy  v1.PullPolicy
		image   string
		outcome string
		events  string
	}{
		{v1.PullNever, image, ErrImageNever, `Warning ErrImageNeverPull Container image "example.com/a:1" is not present with pull policy of Never`},
		{v1.PullIfNotPresent, image, "ok", `Normal Pulling Pulling image "example.com/a:1"|Normal Pulled Successfully pulled image "example.com/a:1" in `},
		{v1.PullIfNotPresent, image, "ok", `Normal Pulled Container image "example.com/a:1" already present on machine and can be accessed by the pod`},
		{v1.PullNever, image, "ok", `Normal Pulled Container image "example.com/a:1" already present on machine and can be accessed by the pod`},
		{v1.PullAlways, image, "ok", `Normal Pulling Pulling image "example.com/a:1"|Normal Pulled Successfully pulled image`},
		{v1.PullIfNotPresent, "Not A Name", InvalidImageName, "Warning InspectFailed Failed to apply default image tag"},
	} {
		outcome, said := ensure(p, recorder, &v1.Container{Name: "c", Image: c.image, ImagePullPolicy: c.policy})
		want := strings.Split(c.events, "|")
		if outcome != c.outcome || len(said) != len(want) {
			t.Errorf("%s of %s: %s, %q, want %s, %q", c.policy, c.image, outcome, said, c.outcome, want)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(said[i], want[i]) {
				t.Errorf("%s of %s: event %q, want %q", c.policy, c.image, said[i], want[i])
			}
		}
	}
}

func TestPullBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fake.New(0)
		r.Refuse("example.com/a:1")
		p, recorder := newPuller(r)
		c := &v1.Container{Name: "c", Image: "example.com/a:1"}
		var outcomes []string
		start := time.Now()
		for time.Since(start) < 75*time.Second {
			outcome, _ := ensure(p, recorder, c)
			if outcome == ErrImagePull {
				outcomes = append(outcomes, time.Since(start).String())
			}
			time.Sleep(time.Second)
		}
		// Tried, then again after 10, 20 and 40 seconds.
		if got := fmt.Sprint(outcomes); got != "[0s 10s 30s 1m10s]" {
			t.Errorf("pulled at %s", got)
		}
		p.Forget("u")
		if outcome, _ := ensure(p, recorder, c); outcome != ErrImagePull {
			t.Errorf("after Forget: %s", outcome)
		}
	})
}

func TestCredentials(t *testing.T) {
	auth := base64.StdEncoding.EncodeToString([]byte("u:p:q"))
	secrets := []*v1.Secret{
		{Type: v1.SecretTypeDockerConfigJson, Data: map[string][]byte{v1.DockerConfigJsonKey: []byte(
			`{"auths":{"example.com":{"username":"all","password":"1"},"example.com/team":{"auth":"` + auth + `"},"https://index.docker.io/v1/":{"username":"hub"}}}`)}},
		{Type: v1.SecretTypeDockercfg, Data: map[string][]byte{v1.DockerConfigKey: []byte(`{"other.com":{"username":"old"}}`)}},
		{Type: v1.SecretTypeDockerConfigJson, Data: map[string][]byte{v1.DockerConfigJsonKey: []byte("mangled")}},
	}
	for image, want := range map[string]string{
		"example.com/app:1":      "[all:1]",
		"example.com/team/app:1": "[u:p:q all:1]",
		"example.com/teams/app":  "[all:1]",
		"other.com/x@sha256:1":   "[old:]",
		"nginx":                  "[hub:]",
		"elsewhere.com/app":      "[]",
	} {
		var got []string
		for _, a := range credentials(image, secrets) {
			got = append(got, a.Username+":"+a.Password)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", image, got, want)
		}
	}
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"nginx": "nginx:latest", "nginx:1": "nginx:1", "h:5000/a": "h:5000/a:latest", "h:5000/a:1": "h:5000/a:1",
		"a@sha256:1": "a@sha256:1", "Upper": "", "": "", "a b": "", "HOST.com/a": "HOST.com/a:latest",
	} {
		if got, err := normalize(in); got != want || (err != nil) != (want == "") {
			t.Errorf("normalize(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}
