package images

import (
	"context"
	"fmt"
	"sort"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// store is a runtime with images a to d of 10 bytes, of which a container uses b.
type store struct {
	cri.Runtime
	images map[string]bool
}

func (s *store) ListImages(context.Context, *runtimeapi.ListImagesRequest) (*runtimeapi.ListImagesResponse, error) {
	answer := &runtimeapi.ListImagesResponse{}
	for id := range s.images {
		answer.Images = append(answer.Images, &runtimeapi.Image{Id: id, Size: 10, Pinned: id == "d", RepoTags: []string{id + ":1"}})
	}
	sort.Slice(answer.Images, func(i, j int) bool { return answer.Images[i].Id < answer.Images[j].Id })
	return answer, nil
}
func (s *store) ListContainers(context.Context, *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	return &runtimeapi.ListContainersResponse{Containers: []*runtimeapi.Container{{Image: &runtimeapi.ImageSpec{Image: "b:1"}}}}, nil
}
func (s *store) RemoveImage(_ context.Context, r *runtimeapi.RemoveImageRequest) (*runtimeapi.RemoveImageResponse, error) {
	delete(s.images, r.Image.Image)
	return &runtimeapi.RemoveImageResponse{}, nil
}

func TestCollect(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name string
		used uint64 // of 100
		age  time.Duration
		want string
		err  bool
	}{
		{"room enough", 84, time.Hour, "[a b c d]", false},
		{"full: one is enough", 85, time.Hour, "[b c d]", false},
		{"fuller", 95, time.Hour, "[b d]", false},
		{"full of what is used", 100, time.Hour, "[b d]", false},
		{"too young to go", 95, time.Minute, "[a b c d]", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &store{images: map[string]bool{"a": true, "b": true, "c": true, "d": true}}
			collector := NewCollector(s)
			collector.Disk = func(context.Context) (uint64, uint64, error) { return c.used, 100, nil }
			if _, err := collector.observe(t.Context(), now.Add(-c.age)); err != nil {
				t.Fatal(err)
			}
			err := collector.collect(t.Context(), now)
			var left []string
			for id := range s.images {
				left = append(left, id)
			}
			sort.Strings(left)
			if fmt.Sprint(left) != c.want || (err != nil) != c.err {
				t.Errorf("left %v, %v, want %s", left, err, c.want)
			}
		})
	}
}
