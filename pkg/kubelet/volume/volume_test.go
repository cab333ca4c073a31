package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/kubelet/objects"
)

// api is a world of ConfigMaps, Secrets and tokens.
type api struct {
	configMaps map[string]*v1.ConfigMap
	secrets    map[string]*v1.Secret
	tokens     int           // issued
	life       time.Duration // of a token
	tokenErr   error
}

func (*api) Hold(types.UID, []objects.Ref, func(cause.Ref)) {}
func (*api) Release(types.UID)                              {}

func (a *api) ConfigMap(_ context.Context, _, name string) (*v1.ConfigMap, error) {
	if cm := a.configMaps[name]; cm != nil {
		return cm, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmap"}, name)
}

func (a *api) Secret(_ context.Context, _, name string) (*v1.Secret, error) {
	if s := a.secrets[name]; s != nil {
		return s, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secret"}, name)
}

func (a *api) Token(_ context.Context, _, account string, r *authv1.TokenRequest) (*authv1.TokenRequest, error) {
	if a.tokenErr != nil {
		return nil, a.tokenErr
	}
	a.tokens++
	r.Status.Token = fmt.Sprintf("%s-%d", account, a.tokens)
	r.Status.ExpirationTimestamp = metav1.NewTime(time.Now().Add(a.life))
	return r, nil
}

// world is a node with one pod.
func world(t *testing.T, volumes ...v1.Volume) (*api, *Set, *v1.Pod) {
	t.Helper()
	a := &api{life: time.Hour, configMaps: map[string]*v1.ConfigMap{
		"cm": {Data: map[string]string{"a": "1", "b": "2"}, BinaryData: map[string][]byte{"bin": {0, 1}}},
	}, secrets: map[string]*v1.Secret{"s": {Data: map[string][]byte{"pw": []byte("hush")}}}}
	m := NewManager(t.TempDir(), a, a, &Node{Name: "node1", Allocatable: func() v1.ResourceList { return nil }})
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u", Labels: map[string]string{"x": "y"}}}
	pod.Spec.ServiceAccountName = "sa"
	pod.Spec.Volumes = volumes
	set := m.Pod(pod.UID)
	t.Cleanup(func() {
		if err := set.Teardown(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(m.PodDir(pod.UID)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the pod's directory is still there: %v", err)
		}
	})
	return a, set, pod
}

func setup(t *testing.T, s *Set, pod *v1.Pod) Result {
	t.Helper()
	r, err := s.Setup(t.Context(), pod, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// files is what a user of the volume sees: "name=content", sorted.
func files(t *testing.T, dir string) string {
	t.Helper()
	var list []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "..") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			list = append(list, e.Name()+"/("+files(t, path)+")")
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Name()+"="+string(data))
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

func named(name string, source v1.VolumeSource) v1.Volume {
	return v1.Volume{Name: name, VolumeSource: source}
}

func configMap(items ...v1.KeyToPath) v1.VolumeSource {
	return v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}, Items: items}}
}

func TestFilesFromTheAPI(t *testing.T) {
	mode := int32(0o400)
	_, s, pod := world(t,
		named("all", configMap()),
		named("some", configMap(v1.KeyToPath{Key: "a", Path: "deep/er/a"}, v1.KeyToPath{Key: "b", Path: "deep/b"})),
		named("secret", v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: "s", DefaultMode: &mode}}),
		named("down", v1.VolumeSource{DownwardAPI: &v1.DownwardAPIVolumeSource{Items: []v1.DownwardAPIVolumeFile{
			{Path: "labels", FieldRef: &v1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
		}}}),
		named("proj", v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
			{ServiceAccountToken: &v1.ServiceAccountTokenProjection{Path: "token"}},
			{Secret: &v1.SecretProjection{LocalObjectReference: v1.LocalObjectReference{Name: "s"}}},
			{ConfigMap: &v1.ConfigMapProjection{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}, Items: []v1.KeyToPath{{Key: "a", Path: "a"}}}},
		}}}),
	)
	r := setup(t, s, pod)
	for name, want := range map[string]string{
		"all":    "a=1 b=2 bin=\x00\x01",
		"some":   "deep/(b=2 er/(a=1))",
		"secret": "pw=hush",
		"down":   `labels=x="y"`,
		"proj":   "a=1 pw=hush token=sa-1",
	} {
		if got := files(t, r.Volumes[name].Path); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	info, err := os.Stat(filepath.Join(r.Volumes["secret"].Path, "pw"))
	if err != nil || info.Mode() != 0o400 {
		t.Errorf("secret's mode %v, %v", info.Mode(), err)
	}
	for name, tmpfs := range map[string]bool{"secret": true, "proj": true, "all": false} {
		if isMountpoint(r.Volumes[name].Path) != tmpfs {
			t.Errorf("%s: on a tmpfs of its own: %v, want %v", name, !tmpfs, tmpfs)
		}
	}
}

func TestChangesComeAllAtOnce(t *testing.T) {
	a, s, pod := world(t, named("v", configMap()))
	dir := setup(t, s, pod).Volumes["v"].Path
	before, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil {
		t.Fatal(err)
	}
	setup(t, s, pod)
	if again, _ := os.Readlink(filepath.Join(dir, dataLink)); again != before {
		t.Error("written again though nothing changed")
	}
	open, err := os.Open(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	a.configMaps["cm"] = &v1.ConfigMap{Data: map[string]string{"a": "new", "c": "3"}}
	setup(t, s, pod)
	if got := files(t, dir); got != "a=new c=3" {
		t.Errorf("after the change: %q", got)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 { // a, c, ..data and what it points to
		t.Errorf("left in the volume: %v, %v", entries, err)
	}
}

func TestWhatIsMissing(t *testing.T) {
	yes := true
	for _, c := range []struct {
		name   string
		source v1.VolumeSource
		want   string
	}{
		{"no object", v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: "no"}}},
			`MountVolume.SetUp failed for volume "v" : configmap "no" not found`},
		{"optional object", v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: "no", Optional: &yes}}, ""},
		{"no key", configMap(v1.KeyToPath{Key: "z", Path: "z"}),
			`MountVolume.SetUp failed for volume "v" : references non-existent config key: z`},
		{"a path out of the volume", configMap(v1.KeyToPath{Key: "a", Path: "../a"}),
			`MountVolume.SetUp failed for volume "v" : invalid path "../a" in a volume: it must be relative, without ".."`},
		{"unsupported type", v1.VolumeSource{NFS: &v1.NFSVolumeSource{}},
			`MountVolume.SetUp failed for volume "v" : volume type nfs is not supported by this kubelet; use emptyDir, hostPath, configMap, secret, downwardAPI or projected`},
		{"unsupported claim", v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{}},
			`MountVolume.SetUp failed for volume "v" : volume type persistentVolumeClaim is not supported by this kubelet; use emptyDir, hostPath, configMap, secret, downwardAPI or projected`},
		{"huge pages", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{Medium: v1.StorageMediumHugePages}},
			`MountVolume.SetUp failed for volume "v" : emptyDir medium "HugePages" is not supported by this kubelet; use "" or Memory`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, s, pod := world(t, named("v", c.source))
			_, err := s.Setup(t.Context(), pod, nil)
			if got := fmt.Sprint(err); err == nil && c.want != "" || err != nil && got != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestEmptyDir(t *testing.T) {
	_, s, pod := world(t,
		named("disk", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}),
		named("memory", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{Medium: v1.StorageMediumMemory}}))
	gid := int64(4242)
	pod.Spec.SecurityContext = &v1.PodSecurityContext{FSGroup: &gid}
	r := setup(t, s, pod)
	for name, v := range r.Volumes {
		info, err := os.Stat(v.Path)
		if err != nil || info.Mode() != fs.ModeDir|fs.ModeSetgid|0o777 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		if err := os.WriteFile(filepath.Join(v.Path, "f"), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !isMountpoint(r.Volumes["memory"].Path) {
		t.Error("medium Memory is not on a tmpfs")
	}
	// A restarted kubelet has a new Set and must leave the content alone.
	for name, v := range setup(t, s.m.Pod(pod.UID), pod).Volumes {
		if got := files(t, v.Path); got != "f=mine" {
			t.Errorf("%s after a second setup: %q", name, got)
		}
	}
}

func TestHostPath(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		kind v1.HostPathType
		want string
	}{
		{dir, v1.HostPathDirectory, ""},
		{file, v1.HostPathFile, ""},
		{dir + "/no", v1.HostPathUnset, ""},
		{dir + "/no", v1.HostPathDirectory, "hostPath type check failed: " + dir + "/no is not a directory"},
		{file, v1.HostPathDirectory, "hostPath type check failed: " + file + " is not a directory"},
		{dir, v1.HostPathFile, "hostPath type check failed: " + dir + " is not a file"},
		{dir + "/made/deep", v1.HostPathDirectoryOrCreate, ""},
		{dir + "/newfile", v1.HostPathFileOrCreate, ""},
		{file, v1.HostPathFileOrCreate, ""},
		{"/dev/null", v1.HostPathCharDev, ""},
		{"/dev/null", v1.HostPathBlockDev, "hostPath type check failed: /dev/null is not a block device"},
		{file, v1.HostPathSocket, "hostPath type check failed: " + file + " is not a socket file"},
	} {
		err := checkHostPath(&v1.HostPathVolumeSource{Path: c.path, Type: &c.kind})
		if got := fmt.Sprint(err); err == nil && c.want != "" || err != nil && got != c.want {
			t.Errorf("%s as %q: %v, want %q", c.path, c.kind, err, c.want)
		}
	}
}

func TestSubpath(t *testing.T) {
	_, s, pod := world(t, named("v", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}), named("cm", configMap()))
	r := setup(t, s, pod)
	v := r.Volumes["v"]
	outside := t.TempDir()
	for name, target := range map[string]string{"out": outside, "up": "../../..", "in": "real"} {
		if err := os.Symlink(target, filepath.Join(v.Path, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		volume string
		sub    string
		ok     bool
	}{
		{"v", "fresh/dir", true},
		{"v", "in", false}, // dangling: its target is not made
		{"v", "out", false},
		{"v", "out/x", false},
		{"v", "up", false},
		{"v", "../x", false},
		{"cm", "a", true}, // a symlink within the volume
	} {
		path, err := s.Subpath(r.Volumes[c.volume], c.volume, "c", 0, c.sub)
		if (err == nil) != c.ok {
			t.Errorf("%s of %s: %v, want ok %v", c.sub, c.volume, err, c.ok)
		}
		if err == nil && c.volume == "cm" {
			if data, err := os.ReadFile(path); err != nil || string(data) != "1" {
				t.Errorf("%s: %q, %v", c.sub, data, err)
			}
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("made outside of the volume: %v, %v", entries, err)
	}
	// A restarted container's mount replaces the old one.
	if _, err := s.Subpath(v, "v", "c", 0, "fresh/dir"); err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	a, s, pod := world(t, named("v", v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
		{ServiceAccountToken: &v1.ServiceAccountTokenProjection{Path: "token"}},
	}}}))
	r := setup(t, s, pod)
	if left := time.Until(r.Refresh); left < 47*time.Minute || left > 48*time.Minute {
		t.Errorf("a token of an hour is renewed after %v, want 48m", left)
	}
	setup(t, s, pod)
	if a.tokens != 1 {
		t.Errorf("%d tokens were asked for, want 1", a.tokens)
	}
	for _, tok := range s.tokens {
		tok.refresh = time.Now()
	}
	a.tokenErr = errors.New("no")
	if got := files(t, setup(t, s, pod).Volumes["v"].Path); got != "token=sa-1" {
		t.Errorf("while the API does not answer: %q", got)
	}
	a.tokenErr = nil
	for _, tok := range s.tokens {
		tok.refresh = time.Now()
	}
	if got := files(t, setup(t, s, pod).Volumes["v"].Path); got != "token=sa-2" {
		t.Errorf("after the renewal: %q", got)
	}
}

func TestTokenBelongsToTheContainersUser(t *testing.T) {
	_, s, pod := world(t, named("v", v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
		{ServiceAccountToken: &v1.ServiceAccountTokenProjection{Path: "token"}},
	}}}))
	uid := int64(1000)
	pod.Spec.SecurityContext = &v1.PodSecurityContext{RunAsUser: &uid}
	pod.Spec.Containers = []v1.Container{{Name: "c"}}
	info, err := os.Stat(filepath.Join(setup(t, s, pod).Volumes["v"].Path, "token"))
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info, err)
	}
}

func TestTeardownStopsAtWhatIsMounted(t *testing.T) {
	_, s, pod := world(t, named("v", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}))
	inside := filepath.Join(setup(t, s, pod).Volumes["v"].Path, "mounted")
	if err := makeDir(inside, true, nil); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(inside, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Teardown(); err == nil || !strings.Contains(err.Error(), "is still mounted") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("removed through a mount: %v", err)
	}
	if err := unmountAll(inside); err != nil {
		t.Fatal(err)
	}
}
