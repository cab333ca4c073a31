package fairness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// Run follows the store until ctx ends, and says in each FlowSchema's condition
// Dangling whether the level that it names is there.
func (s *Schemas) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Group.Run(ctx) })
	group.Go(func() error {
		for {
			select {
			case <-s.changed:
			case <-ctx.Done():
				return nil
			}
			for name, wanted := range s.outdated() {
				if err := s.write(ctx, name, wanted); err != nil && ctx.Err() == nil {
					slog.Warn("the status of a FlowSchema could not be written", "name", name, "error", err)
				}
			}
		}
	})
	return group.Wait()
}

// outdated are the conditions that are to be written.
func (s *Schemas) outdated() map[string]flowcontrolv1.FlowSchemaCondition {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := map[string]flowcontrolv1.FlowSchemaCondition{}
	for name, schema := range s.schemas {
		level := schema.Spec.PriorityLevelConfiguration.Name
		condition := dangling(level, s.levels[level] != nil || mandatory(level))
		if i := find(schema); i < 0 || !alike(schema.Status.Conditions[i], condition) {
			wanted[name] = condition
		}
	}
	return wanted
}

func dangling(level string, there bool) flowcontrolv1.FlowSchemaCondition {
	c := flowcontrolv1.FlowSchemaCondition{Type: flowcontrolv1.FlowSchemaConditionDangling, Status: flowcontrolv1.ConditionFalse, Reason: "Found",
		Message: fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q and it exists", level)}
	if !there {
		c.Status, c.Reason = flowcontrolv1.ConditionTrue, "NotFound"
		c.Message = fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q but there is no such object", level)
	}
	return c
}

func find(schema *flowcontrolv1.FlowSchema) int {
	return slices.IndexFunc(schema.Status.Conditions, func(c flowcontrolv1.FlowSchemaCondition) bool {
		return c.Type == flowcontrolv1.FlowSchemaConditionDangling
	})
}

func alike(a, b flowcontrolv1.FlowSchemaCondition) bool {
	a.LastTransitionTime, b.LastTransitionTime = metav1.Time{}, metav1.Time{}
	return a == b
}

// owner is who the managed fields say has written a condition, and what of it.
var owner = metav1.ManagedFieldsEntry{
	Manager: "api-priority-and-fairness-config-consumer-v1", Operation: metav1.ManagedFieldsOperationApply,
	APIVersion: flowcontrolv1.SchemeGroupVersion.String(), FieldsType: "FieldsV1", Subresource: "status",
	FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:status":{"f:conditions":{"k:{\"type\":\"Dangling\"}":{".":{},` +
		`"f:lastTransitionTime":{},"f:message":{},"f:reason":{},"f:status":{},"f:type":{}}}}}`)},
}

// write puts a condition into a FlowSchema, if that is still there.
func (s *Schemas) write(ctx context.Context, name string, wanted flowcontrolv1.FlowSchemaCondition) error {
	_, err := s.collection.Modify(ctx, "", name, func(present api.Object) (api.Object, error) {
		schema, ok := present.(*flowcontrolv1.FlowSchema)
		if !ok {
			return nil, storage.ErrNotFound
		}
		now := metav1.Now()
		wanted.LastTransitionTime = now
		if i := find(schema); i >= 0 {
			schema.Status.Conditions[i] = wanted
		} else {
			schema.Status.Conditions = append(schema.Status.Conditions, wanted)
		}
		schema.ManagedFields = slices.DeleteFunc(schema.ManagedFields, func(e metav1.ManagedFieldsEntry) bool {
			return e.Manager == owner.Manager && e.Subresource == owner.Subresource
		})
		entry := owner
		entry.Time = &now
		schema.ManagedFields = append(schema.ManagedFields, entry)
		return schema, nil
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}
