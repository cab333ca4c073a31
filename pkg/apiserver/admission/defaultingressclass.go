package admission

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"

	"slowmo/pkg/api/networking"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// ingressClass is how an Ingress named its class before it had a field for that.
const ingressClass = "kubernetes.io/ingress.class"

// defaultIngressClass gives an Ingress that names no class the default one.
type defaultIngressClass struct {
	plugin.Mutates
	store *storage.Store
}

// Mutate names the class.
func (d *defaultIngressClass) Mutate(ctx context.Context, a *request.Attributes) error {
	ingress, ok := a.Object.(*networkingv1.Ingress)
	if !ok || !plugin.Is(a, networkingv1.GroupName, "ingresses") || a.Operation != request.Create || ingress.Spec.IngressClassName != nil {
		return nil
	}
	if _, annotated := ingress.Annotations[ingressClass]; annotated {
		return nil
	}
	classes, err := plugin.List[*networkingv1.IngressClass](ctx, d.store.Collection(networking.IngressClass), "")
	if err != nil {
		return plugin.Forbid(a, err)
	}
	if class := marked(classes, networkingv1.AnnotationIsDefaultIngressClass); class != nil {
		ingress.Spec.IngressClassName = &class.Name
	}
	return nil
}
