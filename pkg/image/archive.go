package image

import (
	"archive/tar"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nameAnnotation is where containerd reads an archived image's full name.
const nameAnnotation = "io.containerd.image.name"

// Archive writes the images as one OCI image layout in a tar: an entry in the
// index for each name, each blob once.
func Archive(w io.Writer, images ...Image) error {
	a := archive{tar: tar.NewWriter(w), written: map[v1.Hash]bool{}}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	a.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	for _, img := range images {
		a.image(img)
		for _, name := range img.Names {
			index = mutate.AppendManifests(index, mutate.IndexAddendum{
				Add:        img.Image,
				Descriptor: v1.Descriptor{Annotations: map[string]string{nameAnnotation: name}},
			})
		}
	}
	manifest, err := index.RawManifest()
	if err != nil {
		return fmt.Errorf("archive images: %w", err)
	}
	a.file("index.json", manifest)
	if a.err == nil {
		a.err = a.tar.Close()
	}
	if a.err != nil {
		return fmt.Errorf("archive images: %w", a.err)
	}
	return nil
}

// archive writes entries until the first error, which it keeps.
type archive struct {
	tar     *tar.Writer
	written map[v1.Hash]bool
	err     error
}

func (a *archive) image(img Image) {
	layers, err := img.Layers()
	if err != nil {
		a.fail(err)
		return
	}
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			a.fail(err)
			return
		}
		content, err := layer.Compressed()
		if err != nil {
			a.fail(err)
			return
		}
		a.blob(digest, func() ([]byte, error) {
			defer content.Close()
			return io.ReadAll(content)
		})
	}
	config, err := partial.ConfigLayer(img)
	if err != nil {
		a.fail(err)
		return
	}
	digest, err := config.Digest()
	if err != nil {
		a.fail(err)
		return
	}
	a.blob(digest, img.RawConfigFile)
	if digest, err = img.Digest(); err != nil {
		a.fail(err)
		return
	}
	a.blob(digest, img.RawManifest)
}

func (a *archive) blob(digest v1.Hash, read func() ([]byte, error)) {
	if a.err != nil || a.written[digest] {
		return
	}
	a.written[digest] = true
	content, err := read()
	if err != nil {
		a.fail(err)
		return
	}
	a.file("blobs/"+digest.Algorithm+"/"+digest.Hex, content)
}

func (a *archive) file(name string, content []byte) {
	if a.err != nil {
		return
	}
	header := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: epoch}
	if a.err = a.tar.WriteHeader(&header); a.err == nil {
		_, a.err = a.tar.Write(content)
	}
}

func (a *archive) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}
