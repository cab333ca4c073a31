// Package volume makes a pod's volumes on this node.
//
// Each pod has a Set. Its owner, the pod's worker, calls Setup until it
// succeeds, then again whenever an object that the pod uses changed or the time
// that Setup returned has come; Setup is level-triggered and changes only what
// differs. Teardown removes everything, also what an earlier kubelet made: all
// state is in the file system, under upstream's names:
//
//	<root>/pods/<uid>/volumes/kubernetes.io~<plugin>/<volume>
//	<root>/pods/<uid>/volume-subpaths/<volume>/<container>/<index>
//
// What holds secrets (secret and projected volumes) is on a tmpfs, never on disk.
// Files from the API change all at once, by the ..data symlink.
//
// Supported: emptyDir, hostPath, configMap, secret, downwardAPI, projected.
// Any other type is an error that names it: nothing is mounted in its place.
// https://kubernetes.io/docs/concepts/storage/volumes/
package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/kubelet/objects"
)

// Manager makes the volumes of all pods of a node. Safe for concurrent use; a
// Set is used by one goroutine at a time.
type Manager struct {
	pods    string // <root>/pods
	objects objects.Source
	tokens  Tokens
	node    *Node
}

// Node is what the downward API knows about the node.
type Node struct {
	Name        string
	HostIPs     []string
	Allocatable func() v1.ResourceList // the default of limits that are not set
}

// NewManager keeps volumes under root, the kubelet's --root-dir.
func NewManager(root string, objects objects.Source, tokens Tokens, node *Node) *Manager {
	return &Manager{pods: filepath.Join(root, "pods"), objects: objects, tokens: tokens, node: node}
}

// PodDir is where the pod's files are, volumes and others.
func (m *Manager) PodDir(uid types.UID) string { return filepath.Join(m.pods, string(uid)) }

// Set is the volumes of one pod.
type Set struct {
	m      *Manager
	uid    types.UID
	tokens map[tokenKey]*token
}

// Pod returns the volumes of the pod with that uid. It makes nothing yet.
func (m *Manager) Pod(uid types.UID) *Set {
	return &Set{m: m, uid: uid, tokens: map[tokenKey]*token{}}
}

// Mounted is where a volume is on the node.
type Mounted struct {
	Path string
	// ReadOnly volumes are mounted so whatever the container asks for.
	ReadOnly bool
}

// Result is a pod's volumes by name, and when to call Setup again for its tokens
// (zero: never).
type Result struct {
	Volumes map[string]Mounted
	Refresh time.Time
}

// Error is a volume that cannot be set up: what FailedMount says.
type Error struct {
	Volume string
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("MountVolume.SetUp failed for volume %q : %v", e.Volume, e.Err)
}
func (e *Error) Unwrap() error { return e.Err }

// UnsupportedError is a volume of a type that this kubelet does not have.
type UnsupportedError struct{ Type string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("volume type %s is not supported by this kubelet; use emptyDir, hostPath, configMap, secret, downwardAPI or projected", e.Type)
}

// Setup makes all volumes, or brings them up to date. The error joins an *Error
// for each volume that is not ready.
func (s *Set) Setup(ctx context.Context, pod *v1.Pod, podIPs []string) (Result, error) {
	if err := os.MkdirAll(s.dir(), 0o750); err != nil {
		return Result{}, err
	}
	result := Result{Volumes: make(map[string]Mounted, len(pod.Spec.Volumes))}
	var errs []error
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		mounted, refresh, err := s.setup(ctx, pod, podIPs, v)
		if err != nil {
			errs = append(errs, &Error{Volume: v.Name, Err: err})
			continue
		}
		result.Volumes[v.Name] = mounted
		if !refresh.IsZero() && (result.Refresh.IsZero() || refresh.Before(result.Refresh)) {
			result.Refresh = refresh
		}
	}
	return result, errors.Join(errs...)
}

func (s *Set) dir() string { return s.m.PodDir(s.uid) }

// path is upstream's place for a volume of a plugin.
func (s *Set) path(plugin, volume string) string {
	return filepath.Join(s.dir(), "volumes", "kubernetes.io~"+plugin, volume)
}

func (s *Set) setup(ctx context.Context, pod *v1.Pod, podIPs []string, v *v1.Volume) (Mounted, time.Time, error) {
	switch {
	case v.EmptyDir != nil:
		path := s.path("empty-dir", v.Name)
		return Mounted{Path: path}, time.Time{}, setupEmptyDir(path, v.EmptyDir, fsGroup(pod))
	case v.HostPath != nil:
		return Mounted{Path: v.HostPath.Path}, time.Time{}, checkHostPath(v.HostPath)
	}
	c := content{ctx: ctx, set: s, pod: pod, podIPs: podIPs, files: map[string]file{}}
	var path string
	var tmpfs bool
	var err error
	switch {
	case v.ConfigMap != nil:
		path = s.path("configmap", v.Name)
		err = c.configMap(v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.Optional, mode(v.ConfigMap.DefaultMode))
	case v.Secret != nil:
		path, tmpfs = s.path("secret", v.Name), true
		err = c.secret(v.Secret.SecretName, v.Secret.Items, v.Secret.Optional, mode(v.Secret.DefaultMode))
	case v.DownwardAPI != nil:
		path, tmpfs = s.path("downward-api", v.Name), true
		err = c.downward(v.DownwardAPI.Items, mode(v.DownwardAPI.DefaultMode))
	case v.Projected != nil:
		path, tmpfs = s.path("projected", v.Name), true
		err = c.projected(v.Projected)
	default:
		err = &UnsupportedError{Type: typeName(v)}
	}
	if err != nil {
		return Mounted{}, time.Time{}, err
	}
	if err := makeDir(path, tmpfs, nil); err != nil {
		return Mounted{}, time.Time{}, err
	}
	return Mounted{Path: path, ReadOnly: true}, c.refresh, writeAtomically(path, c.files, fsGroup(pod))
}

func mode(m *int32) fs.FileMode {
	if m == nil {
		return 0o644
	}
	return fs.FileMode(*m) & fs.ModePerm
}

func fsGroup(pod *v1.Pod) *int64 {
	if pod.Spec.SecurityContext == nil {
		return nil
	}
	return pod.Spec.SecurityContext.FSGroup
}
