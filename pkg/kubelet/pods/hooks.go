package pods

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"

	"slowmo/pkg/kubelet/probe"
)

// runHook runs a lifecycle hook to its end.
// https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
func runHook(ctx context.Context, hook *v1.LifecycleHandler, t probe.Target) error {
	if hook.Sleep != nil {
		timer := time.NewTimer(time.Duration(hook.Sleep.Seconds) * time.Second)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	}
	result, output := t.Hook(ctx, hook)
	if result != probe.Success {
		return fmt.Errorf("%s", output)
	}
	return nil
}
