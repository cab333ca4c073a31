package apiserver

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/rest"
)

// neighbours are the components that componentstatuses tell of, by the health
// checks that they serve on this machine.
var neighbours = []struct{ name, url string }{
	{"scheduler", "https://127.0.0.1:10259/healthz"},
	{"controller-manager", "https://127.0.0.1:10257/healthz"},
}

// probeTimeout is how long a component may take to say that it is well.
const probeTimeout = 5 * time.Second

// componentStatuses asks the scheduler, the controller manager and, by ready, etcd.
func componentStatuses(ready func(context.Context) error) rest.Lister {
	client := &http.Client{Timeout: probeTimeout, Transport: &http.Transport{
		// Their certificates are of their own making, and nothing secret is asked.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	return func(ctx context.Context) ([]api.Object, error) {
		statuses := make([]api.Object, len(neighbours)+1)
		var group sync.WaitGroup
		for i, n := range neighbours {
			group.Go(func() { statuses[i] = componentStatus(n.name, probe(ctx, client, n.url)) })
		}
		group.Go(func() { statuses[len(neighbours)] = componentStatus("etcd-0", ready(ctx)) })
		group.Wait()
		return statuses, nil
	}
}

func componentStatus(name string, err error) *corev1.ComponentStatus {
	condition := corev1.ComponentCondition{Type: corev1.ComponentHealthy, Status: corev1.ConditionTrue, Message: "ok"}
	if err != nil {
		condition.Status, condition.Message = corev1.ConditionFalse, err.Error()
	}
	status := &corev1.ComponentStatus{Conditions: []corev1.ComponentCondition{condition}}
	status.Name = name
	return status
}

// probe returns why the component at url is not well; nil if it is.
func probe(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 10<<10))
	if err != nil {
		return err
	}
	return fmt.Errorf("HTTP probe failed with statuscode: %d: %s", resp.StatusCode, body)
}
