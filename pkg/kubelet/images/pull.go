// Package images makes sure that containers have their images, and that the
// disk does not fill with images that none uses.
//
// https://kubernetes.io/docs/concepts/containers/images/
package images

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/events"
)

// Reasons for which a container waits for its image.
const (
	ErrImagePull      = "ErrImagePull"
	ImagePullBackOff  = "ImagePullBackOff"
	ErrImageNever     = "ErrImageNeverPull"
	ImageInspectError = "ImageInspectError"
	InvalidImageName  = "InvalidImageName"
)

// WaitError is why an image is not there: the waiting state of its container.
type WaitError struct {
	Reason, Message string
	// Retry is when to try again.
	Retry time.Time
}

func (e *WaitError) Error() string { return e.Reason + ": " + e.Message }

// Pull back-off, as upstream's.
const (
	firstBackoff = 10 * time.Second
	lastBackoff  = 5 * time.Minute
)

// Puller pulls. Safe for concurrent use: pulls of different images run at the
// same time, the runtime joins those of the same.
type Puller struct {
	runtime  cri.Images
	recorder record.EventRecorder
	metrics  *Metrics

	mu       sync.Mutex
	failures map[failureKey]failure
}

// failureKey is whose pulls back off together.
type failureKey struct {
	pod   types.UID
	image string
}

type failure struct {
	until   time.Time
	backoff time.Duration
	message string // of the pull that failed
}

// Metrics are upstream's about images.
type Metrics struct{ duration prometheus.Histogram }

// NewMetrics registers kubelet_image_pull_duration_seconds with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "kubelet_image_pull_duration_seconds",
		Help:    "Duration of image pulls.",
		Buckets: []float64{1, 5, 10, 20, 30, 60, 180, 300, 600, 900, 1200, 1800, 2700, 3600},
	})}
	reg.MustRegister(m.duration)
	return m
}

// NewPuller pulls with runtime and says so in events.
func NewPuller(runtime cri.Images, recorder record.EventRecorder, metrics *Metrics) *Puller {
	return &Puller{runtime: runtime, recorder: recorder, metrics: metrics, failures: map[failureKey]failure{}}
}

// Find returns an image if it is on the node, and nil if it is not or that cannot
// be told: Ensure will say why.
func (p *Puller) Find(ctx context.Context, image string) *runtimeapi.Image {
	name, err := normalize(image)
	if err != nil {
		return nil
	}
	found, _ := p.present(ctx, name)
	return found
}

// Ensure returns the container's image, pulling it if its policy says so. found is
// what Find has just answered, or nil. An error is a *WaitError. secrets are the
// pod's image pull secrets.
func (p *Puller) Ensure(ctx context.Context, pod *v1.Pod, c *v1.Container, secrets []*v1.Secret, found *runtimeapi.Image) (*runtimeapi.Image, error) {
	ref := events.Container(pod, c.Name)
	name, err := normalize(c.Image)
	if err != nil {
		p.recorder.Eventf(ref, v1.EventTypeWarning, "InspectFailed", "Failed to apply default image tag %q: %v", c.Image, err)
		return nil, &WaitError{InvalidImageName, fmt.Sprintf("Failed to apply default image tag %q: %v", c.Image, err), time.Now().Add(lastBackoff)}
	}
	image := found
	if image == nil {
		image, err = p.present(ctx, name)
	}
	if err != nil {
		message := fmt.Sprintf("Failed to inspect image %q: %v", c.Image, err)
		p.recorder.Event(ref, v1.EventTypeWarning, events.FailedToInspectImage, message)
		return nil, &WaitError{ImageInspectError, message, time.Now().Add(firstBackoff)}
	}
	switch {
	case image != nil && !mustPull(c):
		p.recorder.Eventf(ref, v1.EventTypeNormal, events.Pulled, "Container image %q already present on machine and can be accessed by the pod", c.Image)
		return image, nil
	case c.ImagePullPolicy == v1.PullNever:
		message := fmt.Sprintf("Container image %q is not present with pull policy of Never", c.Image)
		p.recorder.Event(ref, v1.EventTypeWarning, events.ErrImageNeverPull, message)
		return nil, &WaitError{ErrImageNever, message, time.Now().Add(firstBackoff)}
	}
	return p.pull(ctx, pod, c, name, secrets, ref)
}

func mustPull(c *v1.Container) bool {
	return c.ImagePullPolicy == v1.PullAlways
}

func (p *Puller) present(ctx context.Context, image string) (*runtimeapi.Image, error) {
	st, err := p.runtime.ImageStatus(ctx, &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: image}})
	return st.GetImage(), err
}

func (p *Puller) pull(ctx context.Context, pod *v1.Pod, c *v1.Container, name string, secrets []*v1.Secret, ref *v1.ObjectReference) (*runtimeapi.Image, error) {
	key := failureKey{pod.UID, c.Image}
	p.mu.Lock()
	last := p.failures[key]
	p.mu.Unlock()
	if time.Now().Before(last.until) {
		message := fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %s", c.Image, last.message)
		p.recorder.Eventf(ref, v1.EventTypeNormal, events.BackOff, "Back-off pulling image %q", c.Image)
		p.recorder.Event(ref, v1.EventTypeWarning, events.Failed, "Error: ImagePullBackOff")
		return nil, &WaitError{ImagePullBackOff, message, last.until}
	}
	p.recorder.Eventf(ref, v1.EventTypeNormal, events.Pulling, "Pulling image %q", c.Image)
	start := time.Now()
	err := p.pullWith(ctx, pod, name, credentials(name, secrets))
	var image *runtimeapi.Image
	if err == nil {
		image, err = p.present(ctx, name)
		if err == nil && image == nil {
			err = errors.New("the image was pulled and is not there")
		}
	}
	took := time.Since(start)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		backoff := min(max(2*last.backoff, firstBackoff), lastBackoff)
		p.failures[key] = failure{until: time.Now().Add(backoff), backoff: backoff, message: err.Error()}
		if ctx.Err() == nil {
			p.recorder.Eventf(ref, v1.EventTypeWarning, events.Failed, "Failed to pull image %q: %v", c.Image, err)
			p.recorder.Event(ref, v1.EventTypeWarning, events.Failed, "Error: ErrImagePull")
		}
		// Asked again at once, it answers ImagePullBackOff, as a status does soon
		// after the first failure upstream.
		return nil, &WaitError{ErrImagePull, err.Error(), time.Now().Add(time.Second)}
	}
	delete(p.failures, key)
	p.metrics.duration.Observe(took.Seconds())
	p.recorder.Eventf(ref, v1.EventTypeNormal, events.Pulled, "Successfully pulled image %q in %v (%v including waiting). Image size: %v bytes.",
		c.Image, took.Truncate(time.Millisecond), took.Truncate(time.Millisecond), image.GetSize())
	return image, nil
}

// pullWith tries each credential that fits, or none if there is none.
func (p *Puller) pullWith(ctx context.Context, pod *v1.Pod, name string, auths []*runtimeapi.AuthConfig) error {
	if len(auths) == 0 {
		auths = []*runtimeapi.AuthConfig{nil}
	}
	var errs []error
	for _, auth := range auths {
		_, err := p.runtime.PullImage(ctx, &runtimeapi.PullImageRequest{
			Image: &runtimeapi.ImageSpec{Image: name},
			Auth:  auth,
			SandboxConfig: &runtimeapi.PodSandboxConfig{Metadata: &runtimeapi.PodSandboxMetadata{
				Name: pod.Name, Namespace: pod.Namespace, Uid: string(pod.UID),
			}},
		})
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Forget drops what is remembered of a pod's pulls.
func (p *Puller) Forget(pod types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key := range p.failures {
		if key.pod == pod {
			delete(p.failures, key)
		}
	}
}

// normalize adds the tag that a reference without tag and digest means.
func normalize(image string) (string, error) {
	if image == "" || strings.ContainsAny(image, " \t\n") || strings.ToLower(repository(image)) != repository(image) {
		return "", fmt.Errorf("couldn't parse image name %q: invalid reference format", image)
	}
	if strings.Contains(image, "@") || strings.Contains(image[strings.LastIndexByte(image, '/')+1:], ":") {
		return image, nil
	}
	return image + ":latest", nil
}

// repository is an image's name without host, tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if host, rest, ok := strings.Cut(image, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		image = rest
	}
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image
}
