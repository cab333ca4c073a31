package component

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestEventsAreWrittenAtLeisure(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns"}}
	for _, c := range []struct {
		name string
		wait func(*Events)
	}{
		{"after a while", func(*Events) { time.Sleep(leisure) }},
		{"at once when the process ends", func(e *Events) { e.hurry() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := fake.NewClientset()
				events := NewEvents(t.Context(), client)
				defer events.Shutdown()
				begin := time.Now()
				events.Recorder("kubelet", "node").Event(pod, corev1.EventTypeNormal, "Started", "Container started")
				synctest.Wait()
				if n := len(client.Actions()); n != 0 {
					t.Errorf("%d writes in the moment in which it happened", n)
				}
				c.wait(events)
				synctest.Wait()
				list, err := client.CoreV1().Events("ns").List(t.Context(), metav1.ListOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if len(list.Items) != 1 || !list.Items[0].LastTimestamp.Time.Equal(begin) {
					t.Errorf("events %+v, want one of %v", list.Items, begin)
				}
			})
		})
	}
}

func TestReportsAreWrittenAtLeisure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		reports, err := NewReports(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		defer reports.Shutdown()
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns"}}
		recorder := reports.Recorder("default-scheduler")
		recorder.Eventf(pod, nil, corev1.EventTypeWarning, "FailedScheduling", "Scheduling", "no node")
		time.Sleep(leisure / 2)
		recorder.Eventf(pod, nil, corev1.EventTypeWarning, "FailedScheduling", "Scheduling", "no node")
		for _, want := range []string{"", "create", "create patch"} {
			synctest.Wait()
			var verbs []string
			for _, action := range client.Actions() {
				verbs = append(verbs, action.GetVerb())
			}
			if got := strings.Join(verbs, " "); got != want {
				t.Errorf("writes %q, want %q", got, want)
			}
			time.Sleep(leisure / 2)
		}
	})
}
