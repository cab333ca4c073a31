package status

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"slowmo/pkg/component/cause"
)

// settle is how long a status that only says "on its way" waits for a better
// one. A pod that starts within it costs one write.
const settle = 500 * time.Millisecond

// Retries after a failed write back off from the first to the second.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// Writer brings one pod's status to the API. It writes one thing at a time and
// always the latest; statuses in between are never written. Safe for concurrent
// use.
type Writer struct {
	client corev1.PodsGetter

	mu     sync.Mutex
	have   *v1.Pod       // the newest known state of the API's object
	want   *v1.PodStatus // nil until Set
	causes cause.Set     // of what is not written yet
	due    time.Time     // when want is to be written
	final  bool          // delete the object once want is written
	gone   bool          // the object is no longer there: nothing to write to
	wake   chan struct{} // capacity 1: something above changed
}

// NewWriter makes a writer for a pod as the API has it.
func NewWriter(client corev1.PodsGetter, pod *v1.Pod) *Writer {
	return &Writer{client: client, have: pod, wake: make(chan struct{}, 1)}
}

// Observed tells of a newer state of the object, from the watch.
func (w *Writer) Observed(pod *v1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if newer(pod, w.have) {
		w.have = pod
	}
}

// Current is the newest known state of the API's object.
func (w *Writer) Current() *v1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.have
}

// newer says whether a is a later revision than b; what cannot be compared
// counts as later, since it arrived later.
func newer(a, b *v1.Pod) bool {
	order, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
	return err != nil || order >= 0
}

// Set is the status to write, and why. It replaces what is not written yet.
func (w *Writer) Set(s *v1.PodStatus, causes cause.Set) {
	w.mu.Lock()
	due := time.Now()
	if onItsWay(s) {
		due = due.Add(settle)
	}
	if w.want == nil || w.due.IsZero() || due.Before(w.due) {
		w.due = due
	}
	w.want, w.causes = s, w.causes.With(causes...)
	w.mu.Unlock()
	w.notify()
}

// Finish writes the last status set and then deletes the object with no grace:
// the pod's processes, volumes and network are gone.
func (w *Writer) Finish(causes cause.Set) {
	w.mu.Lock()
	w.final, w.due, w.causes = true, time.Now(), w.causes.With(causes...)
	w.mu.Unlock()
	w.notify()
}

// Gone tells that the object is no longer in the API.
func (w *Writer) Gone() {
	w.mu.Lock()
	w.gone = true
	w.mu.Unlock()
	w.notify()
}

func (w *Writer) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// onItsWay tells whether a status says no more than that the pod is starting.
func onItsWay(s *v1.PodStatus) bool {
	if s.Phase != v1.PodPending {
		return false
	}
	for _, list := range [][]v1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for i := range list {
			switch w := list[i].State.Waiting; {
			case w == nil:
			case w.Reason != "ContainerCreating" && w.Reason != "PodInitializing":
				return false
			}
		}
	}
	return true
}

// Run writes until ctx ends or the object is gone.
func (w *Writer) Run(ctx context.Context) {
	retry := firstRetry
	for {
		wait, done := w.next()
		switch {
		case done:
			return
		case wait > 0:
			if !pause(ctx, wait, w.wake) {
				return
			}
			continue
		}
		if err := w.write(ctx); err != nil {
			if ctx.Err() != nil {
				return // the next kubelet writes it
			}
			slog.WarnContext(ctx, "pod status not written; will retry", "pod", podName(w.Current()), "in", retry, "err", err)
			if !pause(ctx, retry, nil) {
				return
			}
			retry = min(2*retry, lastRetry)
			continue
		}
		retry = firstRetry
	}
}

// pause waits for d or for wake, and returns false when ctx ended.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}

// forever is longer than any wait that means something.
const forever = 24 * time.Hour

// next is how long to wait before there is something to write.
func (w *Writer) next() (wait time.Duration, done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.gone:
		return 0, true
	case w.due.IsZero():
		return forever, false
	}
	return max(time.Until(w.due), 0), false
}

// write brings the API up to date. On failure what was wanted is wanted still.
func (w *Writer) write(ctx context.Context) error {
	w.mu.Lock()
	have, want, final, causes := w.have, w.want, w.final, w.causes
	w.due, w.causes = time.Time{}, nil
	w.mu.Unlock()
	err := w.send(cause.With(ctx, causes...), have, want, final)
	switch {
	case apierrors.IsNotFound(err):
		w.Gone()
		return nil
	case err != nil:
		w.mu.Lock()
		defer w.mu.Unlock()
		w.causes = causes.With(w.causes...)
		if w.due.IsZero() {
			w.due = time.Now()
		}
	}
	return err
}

func (w *Writer) send(ctx context.Context, have *v1.Pod, want *v1.PodStatus, final bool) error {
	if want != nil {
		patch, err := Patch(have, want)
		if err != nil {
			return err
		}
		if patch != nil {
			pod, err := w.client.Pods(have.Namespace).Patch(ctx, have.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
			if err != nil {
				return fmt.Errorf("patch status: %w", err)
			}
			w.Observed(pod)
		}
	}
	if !final {
		return nil
	}
	now := int64(0)
	err := w.client.Pods(have.Namespace).Delete(ctx, have.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now,
		Preconditions:      metav1.NewUIDPreconditions(string(have.UID)),
	})
	switch {
	case apierrors.IsConflict(err):
		w.Gone() // another pod of that name: ours is gone
		return nil
	case err != nil:
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// Patch is the strategic merge patch that makes have's status want, with have's
// uid as its precondition; nil when nothing differs.
func Patch(have *v1.Pod, want *v1.PodStatus) ([]byte, error) {
	from, err := json.Marshal(v1.Pod{Status: have.Status})
	if err != nil {
		return nil, err
	}
	to, err := json.Marshal(v1.Pod{Status: withForeign(want, have)})
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(from, to, v1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("compute status patch: %w", err)
	}
	if string(patch) == "{}" {
		return nil, nil
	}
	precondition, err := json.Marshal(have.UID)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte(`{"metadata":{"uid":`), precondition, []byte(`},`), patch[1:]), nil
}

func podName(pod *v1.Pod) string { return pod.Namespace + "/" + pod.Name }
