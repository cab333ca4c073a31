package spec

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"sort"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/downward"
	"slowmo/pkg/kubelet/objects"
)

// EnvSource is where a container's environment comes from besides its spec.
type EnvSource struct {
	Objects     objects.Source
	Services    []*v1.Service // of the pod's namespace, and default/kubernetes
	Node        downward.Node
	Allocatable v1.ResourceList
}

// Env is a container's environment: Services, then envFrom, then env, later
// ones over earlier ones; sorted by name where the spec gives no order.
// https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
func Env(ctx context.Context, pod *v1.Pod, c *v1.Container, src EnvSource) ([]*runtimeapi.KeyValue, error) {
	services := serviceEnv(pod, src.Services)
	values := map[string]string{}
	for _, from := range c.EnvFrom {
		if err := envFrom(ctx, pod.Namespace, &from, src.Objects, values); err != nil {
			return nil, err
		}
	}
	var order []string
	lookup := func(name string) (string, bool) {
		if v, ok := values[name]; ok {
			return v, true
		}
		v, ok := services[name]
		return v, ok
	}
	for i := range c.Env {
		e := &c.Env[i]
		value, ok, err := envValue(ctx, pod, c, e, src, lookup)
		if err != nil {
			return nil, err
		}
		if ok {
			values[e.Name] = value
			order = append(order, e.Name)
		}
	}
	return assemble(order, values, services), nil
}

// assemble puts the variables of env in their order first, then the others.
func assemble(order []string, values, services map[string]string) []*runtimeapi.KeyValue {
	for k, v := range services {
		if _, ok := values[k]; !ok {
			values[k] = v
		}
	}
	var list []*runtimeapi.KeyValue
	add := func(name string) {
		if v, ok := values[name]; ok {
			list = append(list, &runtimeapi.KeyValue{Key: name, Value: []byte(v)})
			delete(values, name)
		}
	}
	for _, name := range order {
		add(name)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		add(name)
	}
	return list
}

// envFrom adds all keys of an object. Keys that cannot be variable names are left
// out; they are checked by IsEnvVarName as upstream does.
func envFrom(ctx context.Context, namespace string, from *v1.EnvFromSource, source objects.Source, values map[string]string) error {
	add := func(key, value string) {
		if name := from.Prefix + key; len(validation.IsRelaxedEnvVarName(name)) == 0 {
			values[name] = value
		}
	}
	switch {
	case from.ConfigMapRef != nil:
		cm, err := source.ConfigMap(ctx, namespace, from.ConfigMapRef.Name)
		if err != nil {
			return missing(err, isTrue(from.ConfigMapRef.Optional))
		}
		for k, v := range cm.Data {
			add(k, v)
		}
	case from.SecretRef != nil:
		secret, err := source.Secret(ctx, namespace, from.SecretRef.Name)
		if err != nil {
			return missing(err, isTrue(from.SecretRef.Optional))
		}
		for k, v := range secret.Data {
			add(k, string(v))
		}
	}
	return nil
}

// missing forgives an object that need not be there.
func missing(err error, optional bool) error {
	if optional && apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// envValue is the value of one entry of env; ok is false when its source is
// optional and not there.
func envValue(ctx context.Context, pod *v1.Pod, c *v1.Container, e *v1.EnvVar, src EnvSource, lookup func(string) (string, bool)) (value string, ok bool, err error) {
	from := e.ValueFrom
	switch {
	case from == nil:
		return Expand(e.Value, lookup), true, nil
	case from.FieldRef != nil:
		value, err = downward.Field(pod, from.FieldRef.FieldPath, src.Node)
		return value, true, err
	case from.ResourceFieldRef != nil:
		name := from.ResourceFieldRef.ContainerName
		if name == "" {
			name = c.Name
		}
		value, err = downward.Resource(pod, name, from.ResourceFieldRef, src.Allocatable)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		cm, err := src.Objects.ConfigMap(ctx, pod.Namespace, ref.Name)
		if err != nil {
			return "", false, missing(err, isTrue(ref.Optional))
		}
		value, ok = cm.Data[ref.Key]
		if !ok && !isTrue(ref.Optional) {
			return "", false, fmt.Errorf("couldn't find key %v in ConfigMap %v/%v", ref.Key, pod.Namespace, ref.Name)
		}
		return value, ok, nil
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		secret, err := src.Objects.Secret(ctx, pod.Namespace, ref.Name)
		if err != nil {
			return "", false, missing(err, isTrue(ref.Optional))
		}
		data, ok := secret.Data[ref.Key]
		if !ok && !isTrue(ref.Optional) {
			return "", false, fmt.Errorf("couldn't find key %v in Secret %v/%v", ref.Key, pod.Namespace, ref.Name)
		}
		return string(data), ok, nil
	}
	return "", false, fmt.Errorf("env %s: its valueFrom is of a kind that this kubelet does not support; use fieldRef, resourceFieldRef, configMapKeyRef or secretKeyRef", e.Name)
}

// serviceEnv are the variables for Services that were there before the pod:
// default/kubernetes always, those of the namespace unless enableServiceLinks is
// false. https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
func serviceEnv(pod *v1.Pod, services []*v1.Service) map[string]string {
	env := map[string]string{}
	sorted := slices.Clone(services)
	// Of two Services with one name the pod's own namespace wins.
	sort.SliceStable(sorted, func(i, j int) bool {
		return sorted[i].Namespace != pod.Namespace && sorted[j].Namespace == pod.Namespace
	})
	links := pod.Spec.EnableServiceLinks == nil || *pod.Spec.EnableServiceLinks
	for _, s := range sorted {
		master := s.Namespace == v1.NamespaceDefault && s.Name == "kubernetes"
		if !master && (s.Namespace != pod.Namespace || !links) || s.Spec.ClusterIP == "" || s.Spec.ClusterIP == v1.ClusterIPNone || len(s.Spec.Ports) == 0 {
			continue
		}
		oneService(env, s)
	}
	return env
}

func oneService(env map[string]string, s *v1.Service) {
	prefix := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
	env[prefix+"_SERVICE_HOST"] = s.Spec.ClusterIP
	env[prefix+"_SERVICE_PORT"] = strconv.Itoa(int(s.Spec.Ports[0].Port))
	for i, p := range s.Spec.Ports {
		protocol, port := strings.ToLower(string(p.Protocol)), strconv.Itoa(int(p.Port))
		if protocol == "" {
			protocol = "tcp"
		}
		if p.Name != "" {
			env[prefix+"_SERVICE_PORT_"+strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_"))] = port
		}
		url := protocol + "://" + net.JoinHostPort(s.Spec.ClusterIP, port)
		if i == 0 {
			env[prefix+"_PORT"] = url
		}
		one := prefix + "_PORT_" + port + "_" + strings.ToUpper(protocol)
		env[one] = url
		env[one+"_PROTO"] = protocol
		env[one+"_PORT"] = port
		env[one+"_ADDR"] = s.Spec.ClusterIP
	}
}

// Expand replaces $(NAME) by its value. $$ is a dollar sign; a name that is not
// known stays as written.
func Expand(text string, lookup func(string) (string, bool)) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i+1 == len(text) {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		rest := text[i+1:]
		end := strings.IndexByte(rest, ')')
		switch {
		case rest[0] == '$':
			b.WriteByte('$')
			text = rest[1:]
		case rest[0] == '(' && end > 0:
			if v, ok := lookup(rest[1:end]); ok {
				b.WriteString(v)
			} else {
				b.WriteString("$" + rest[:end+1])
			}
			text = rest[end+1:]
		default:
			b.WriteByte('$')
			text = rest
		}
	}
}
