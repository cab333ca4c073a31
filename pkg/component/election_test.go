package component

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
)

func TestElectionFlags(t *testing.T) {
	for name, change := range map[string]func(*Election){
		"lock":     func(e *Election) { e.ResourceLock = "endpoints" },
		"duration": func(e *Election) { e.LeaseDuration = e.RenewDeadline },
		"retry":    func(e *Election) { e.RetryPeriod = e.RenewDeadline },
	} {
		e := NewElection("test")
		change(e)
		var usage *UsageError
		if err := e.Validate(); !errors.As(err, &usage) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := NewElection("test").Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

// The retry period is a minute here, so that a second leader within the test's
// life can only have seen the lease's release.
func TestStandbyTakesOverWhenTheLeaseIsReleased(t *testing.T) {
	client := fake.NewClientset()
	watching := make(chan struct{}, 2)
	client.PrependWatchReactor("leases", func(action clienttesting.Action) (bool, watch.Interface, error) {
		watching <- struct{}{}
		return false, nil, nil
	})
	election := NewElection("test")
	election.LeaseDuration, election.RenewDeadline, election.RetryPeriod = 5*time.Minute, 3*time.Minute, time.Minute

	run := func(ctx context.Context) (leads chan struct{}, ended chan error) {
		leads, ended = make(chan struct{}), make(chan error, 1)
		go func() {
			ended <- election.Run(ctx, client, record.NewFakeRecorder(16), func(ctx context.Context) error {
				close(leads)
				<-ctx.Done()
				return nil
			})
		}()
		return leads, ended
	}
	first, stopFirst := context.WithCancel(context.Background())
	defer stopFirst()
	leads1, ended1 := run(first)
	<-leads1
	second, stopSecond := context.WithCancel(context.Background())
	defer stopSecond()
	leads2, ended2 := run(second)
	<-watching
	<-watching

	select {
	case <-leads2:
		t.Fatal("two leaders")
	default:
	}
	stopFirst()
	if err := <-ended1; err != nil {
		t.Errorf("the first leader ended with %v", err)
	}
	<-leads2
	stopSecond()
	if err := <-ended2; err != nil {
		t.Errorf("the second leader ended with %v", err)
	}
}
