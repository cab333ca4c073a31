package volume

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/kubelet/downward"
)

// content gathers the files of one volume from the API.
type content struct {
	ctx     context.Context
	set     *Set
	pod     *v1.Pod
	podIPs  []string
	files   map[string]file
	refresh time.Time // when a token in it has to be renewed; zero: none
}

func (c *content) configMap(name string, items []v1.KeyToPath, optional *bool, mode fs.FileMode) error {
	cm, err := c.set.m.objects.ConfigMap(c.ctx, c.pod.Namespace, name)
	if apierrors.IsNotFound(err) && isTrue(optional) {
		return nil
	}
	if err != nil {
		return err
	}
	data := make(map[string][]byte, len(cm.Data)+len(cm.BinaryData))
	for k, v := range cm.Data {
		data[k] = []byte(v)
	}
	for k, v := range cm.BinaryData {
		data[k] = v
	}
	return c.pick("config", data, items, isTrue(optional), mode)
}

func (c *content) secret(name string, items []v1.KeyToPath, optional *bool, mode fs.FileMode) error {
	secret, err := c.set.m.objects.Secret(c.ctx, c.pod.Namespace, name)
	if apierrors.IsNotFound(err) && isTrue(optional) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.pick("secret", secret.Data, items, isTrue(optional), mode)
}

// pick adds all keys, or the named ones at their paths.
func (c *content) pick(kind string, data map[string][]byte, items []v1.KeyToPath, optional bool, mode fs.FileMode) error {
	if len(items) == 0 {
		for k, v := range data {
			c.files[k] = file{data: v, mode: mode}
		}
		return nil
	}
	for _, item := range items {
		v, ok := data[item.Key]
		if !ok {
			if optional {
				continue
			}
			return fmt.Errorf("references non-existent %s key: %s", kind, item.Key)
		}
		c.files[filepath.Clean(item.Path)] = file{data: v, mode: itemMode(item.Mode, mode)}
	}
	return nil
}

func itemMode(item *int32, mode fs.FileMode) fs.FileMode {
	if item == nil {
		return mode
	}
	return fs.FileMode(*item) & fs.ModePerm
}

func (c *content) downward(items []v1.DownwardAPIVolumeFile, mode fs.FileMode) error {
	for _, item := range items {
		var text string
		var err error
		switch {
		case item.FieldRef != nil:
			text, err = downward.Field(c.pod, item.FieldRef.FieldPath, downward.Node{
				Name: c.set.m.node.Name, HostIPs: c.set.m.node.HostIPs, PodIPs: c.podIPs,
			})
		case item.ResourceFieldRef != nil:
			text, err = downward.Resource(c.pod, item.ResourceFieldRef.ContainerName, item.ResourceFieldRef, c.set.m.node.Allocatable())
		}
		if err != nil {
			return err
		}
		c.files[filepath.Clean(item.Path)] = file{data: []byte(text), mode: itemMode(item.Mode, mode)}
	}
	return nil
}

// projected puts several sources in one directory.
// https://kubernetes.io/docs/concepts/storage/projected-volumes/
func (c *content) projected(p *v1.ProjectedVolumeSource) error {
	mode := mode(p.DefaultMode)
	for _, s := range p.Sources {
		var err error
		switch {
		case s.ConfigMap != nil:
			err = c.configMap(s.ConfigMap.Name, s.ConfigMap.Items, s.ConfigMap.Optional, mode)
		case s.Secret != nil:
			err = c.secret(s.Secret.Name, s.Secret.Items, s.Secret.Optional, mode)
		case s.DownwardAPI != nil:
			err = c.downward(s.DownwardAPI.Items, mode)
		case s.ServiceAccountToken != nil:
			err = c.token(s.ServiceAccountToken, mode)
		case s.ClusterTrustBundle != nil:
			err = &UnsupportedError{Type: "projected.clusterTrustBundle"}
		case s.PodCertificate != nil:
			err = &UnsupportedError{Type: "projected.podCertificate"}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// token adds a service account token. It is readable to the user that the
// containers run as, and to no one else if that is not root.
func (c *content) token(p *v1.ServiceAccountTokenProjection, mode fs.FileMode) error {
	text, refresh, err := c.set.token(c.ctx, c.pod, p)
	if err != nil {
		return fmt.Errorf("failed to fetch token: %w", err)
	}
	uid := soleUser(c.pod)
	if uid != nil || fsGroup(c.pod) != nil {
		mode = 0o600
	}
	c.files[filepath.Clean(p.Path)] = file{data: []byte(text), mode: mode, uid: uid}
	if c.refresh.IsZero() || refresh.Before(c.refresh) {
		c.refresh = refresh
	}
	return nil
}

// soleUser is the user that all containers of a pod run as, if its spec says so.
func soleUser(pod *v1.Pod) *int64 {
	var sole *int64
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			var uid *int64
			if sc := pod.Spec.SecurityContext; sc != nil {
				uid = sc.RunAsUser
			}
			if sc := list[i].SecurityContext; sc != nil && sc.RunAsUser != nil {
				uid = sc.RunAsUser
			}
			if uid == nil || sole != nil && *sole != *uid {
				return nil
			}
			sole = uid
		}
	}
	return sole
}

func isTrue(b *bool) bool { return b != nil && *b }
