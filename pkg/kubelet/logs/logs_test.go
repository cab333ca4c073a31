package logs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// sample has lines of two streams a second apart, one of them in two parts.
const sample = `2026-11-24T10:00:00.000000001Z stdout F one
2026-11-24T10:00:01.000000000Z stderr F two
2026-11-24T10:00:02.000000000Z stdout P thr
2026-11-24T10:00:02.000000001Z stdout F ee
2026-11-24T10:00:03.000000000Z stdout F 
2026-11-24T10:00:04.000000000Z stdout F five
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "0.log")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	all := "one\ntwo\nthree\n\nfive\n"
	at := time.Date(2026, 11, 24, 10, 0, 3, 0, time.UTC)
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"all", Options{Tail: -1, Limit: -1}, all},
		{"last two", Options{Tail: 2, Limit: -1}, "\nfive\n"},
		{"none", Options{Tail: 0, Limit: -1}, ""},
		{"more than there are", Options{Tail: 100, Limit: -1}, all},
		{"since", Options{Tail: -1, Limit: -1, Since: at}, "\nfive\n"},
		{"bytes", Options{Tail: -1, Limit: 6}, "one\ntw"},
		{"one stream", Options{Tail: -1, Limit: -1, Stream: "stderr"}, "two\n"},
		{"timestamps", Options{Tail: 1, Limit: -1, Timestamps: true}, "2026-11-24T10:00:04.000000000Z five\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Read(t.Context(), &b, nil, write(t, sample), c.o, nil); err != nil {
				t.Fatal(err)
			}
			if b.String() != c.want {
				t.Errorf("got %q, want %q", b.String(), c.want)
			}
		})
	}
}

func TestTailOfALongFile(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "2026-11-24T10:00:00Z stdout F line %d\n", i)
	}
	got, err := Tail(write(t, b.String()), 3, 1000)
	if err != nil || got != "line 4997\nline 4998\nline 4999\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := Tail(write(t, b.String()), 80, 10); err != nil || got != "line 4999\n" {
		t.Errorf("bounded in bytes: %q, %v", got, err)
	}
}

func TestLinesThatAreNotTheRuntimes(t *testing.T) {
	var b bytes.Buffer
	err := Read(t.Context(), &b, nil, write(t, "garbage\n\x00\x00\n"+sample+"2026-11-24T10:00:05Z stdout F cut o"), Options{Tail: -1, Limit: -1}, nil)
	if err != nil || b.String() != "one\ntwo\nthree\n\nfive\ncut o\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

// buffer is a Writer whose content can be waited for.
type buffer struct {
	mu   sync.Mutex
	text string
	wake chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text += string(p)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return len(p), nil
}

// until waits for the text to be what is wanted.
func (b *buffer) until(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		b.mu.Lock()
		got := b.text
		b.mu.Unlock()
		if got == want {
			return
		}
		select {
		case <-b.wake:
		case <-deadline:
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestFollow(t *testing.T) {
	path := write(t, sample)
	ended := make(chan struct{})
	b := &buffer{wake: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() { done <- Read(t.Context(), b, nil, path, Options{Follow: true, Tail: 1, Limit: -1}, ended) }()
	b.until(t, "five\n")
	add := func(path, text string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	add(path, "2026-11-24T10:00:05Z stdout F si")
	add(path, "x\n")
	b.until(t, "five\nsix\n")
	// Rotation: the runtime writes to the old file until it reopens the log.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	add(path+".1", "2026-11-24T10:00:06Z stdout F seven\n")
	add(path, "2026-11-24T10:00:07Z stdout F eight\n")
	b.until(t, "five\nsix\nseven\neight\n")
	add(path, "2026-11-24T10:00:08Z stdout F last words")
	close(ended)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.until(t, "five\nsix\nseven\neight\nlast words\n")
}

func TestFollowEndsWithItsReader(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := &buffer{wake: make(chan struct{}, 1)}
	done := make(chan error, 1)
	path := write(t, sample)
	go func() {
		done <- Read(ctx, b, nil, path, Options{Follow: true, Tail: 1, Limit: -1}, make(chan struct{}))
	}()
	b.until(t, "five\n")
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// reopener is a runtime with one container, whose log it begins anew when told.
type reopener struct {
	cri.Containers
	path     string
	reopened int
}

func (r *reopener) ListContainers(context.Context, *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	return &runtimeapi.ListContainersResponse{Containers: []*runtimeapi.Container{{Id: "c"}}}, nil
}
func (r *reopener) ContainerStatus(context.Context, *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{LogPath: r.path}}, nil
}
func (r *reopener) ReopenContainerLog(context.Context, *runtimeapi.ReopenContainerLogRequest) (*runtimeapi.ReopenContainerLogResponse, error) {
	r.reopened++
	return &runtimeapi.ReopenContainerLogResponse{}, os.WriteFile(r.path, nil, 0o600)
}

func TestRotate(t *testing.T) {
	path := write(t, sample)
	runtime := &reopener{path: path}
	r := Rotator{Runtime: runtime, MaxSize: 1 << 20, MaxFiles: 3}
	if err := r.rotateAll(t.Context()); err != nil || runtime.reopened != 0 {
		t.Fatalf("a small log was rotated: %v", err)
	}
	r.MaxSize = 10
	for i := range 5 {
		if err := os.WriteFile(path, []byte(sample), 0o600); err != nil {
			t.Fatal(err)
		}
		// Names are by the second; the past is made older instead of waited for.
		old, _ := filepath.Glob(path + ".*")
		for _, name := range old {
			if base := strings.TrimSuffix(name, ".gz"); !strings.Contains(base, ".19") {
				if err := os.Rename(name, fmt.Sprintf("%s.190%d%s", path, i, strings.TrimPrefix(name, base))); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.rotateAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 3 || !strings.HasSuffix(files[1], ".gz") || strings.HasSuffix(files[2], ".gz") {
		t.Errorf("left: %v, %v", files, err)
	}
	if runtime.reopened != 5 {
		t.Errorf("reopened %d times, want 5", runtime.reopened)
	}
}

func TestRotationThatWasCutShort(t *testing.T) {
	runtime := &reopener{path: filepath.Join(t.TempDir(), "0.log")}
	r := Rotator{Runtime: runtime, MaxSize: 10, MaxFiles: 3}
	if err := r.rotateAll(t.Context()); err != nil || runtime.reopened != 1 {
		t.Errorf("a log that is not there was reopened %d times, %v", runtime.reopened, err)
	}
}
