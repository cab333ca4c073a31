package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is an image with the names it is known under.
type Image struct {
	v1.Image
	// Names are full references: registry, repository and tag.
	Names []string
	// Pinned images are never garbage collected by the kubelet.
	Pinned bool
}

// Program says how to pack one statically linked program.
type Program struct {
	// Path is the program's file on this machine. In the image it stands in
	// the root folder under the same base name, and is the entrypoint.
	Path string
	// Ports are the exposed ports, such as "8080/tcp".
	Ports []string
	// Names and Pinned are the image's.
	Names  []string
	Pinned bool
}

// epoch is the time of every file and of the image: the same input gives the
// same digest.
var epoch = time.Unix(0, 0).UTC()

// Pack builds the image of p: one uncompressed layer, because it never travels
// further than this machine and unpacking is part of a cluster's start.
func Pack(p Program) (Image, error) {
	content, err := os.ReadFile(p.Path)
	if err != nil {
		return Image{}, fmt.Errorf("pack %v: %w", p.Names, err)
	}
	name := path.Base(p.Path)
	layer, err := layer(name, content)
	if err != nil {
		return Image{}, fmt.Errorf("pack %s: %w", p.Path, err)
	}
	ports := map[string]struct{}{}
	for _, port := range p.Ports {
		ports[port] = struct{}{}
	}
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Created:      v1.Time{Time: epoch},
		RootFS:       v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Entrypoint:   []string{"/" + name},
			Env:          []string{"PATH=/"},
			ExposedPorts: ports,
			WorkingDir:   "/",
		},
	})
	if err != nil {
		return Image{}, fmt.Errorf("pack %s: %w", p.Path, err)
	}
	img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "COPY " + name + " /"},
	})
	if err != nil {
		return Image{}, fmt.Errorf("pack %s: %w", p.Path, err)
	}
	return Image{Image: img, Names: p.Names, Pinned: p.Pinned}, nil
}

// layer is a root folder that holds the program and a writable /tmp.
func layer(name string, content []byte) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
		{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(content))},
	} {
		h.ModTime = epoch
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return static.NewLayer(b.Bytes(), types.OCIUncompressedLayer), nil
}
