package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// pack packs a program whose file has the content and was changed at the time.
func pack(t *testing.T, content string, changed time.Time) Image {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, changed, changed); err != nil {
		t.Fatal(err)
	}
	img, err := Pack(Program{Path: file, Ports: []string{"80/tcp"}, Names: []string{"example.com/a:1", "example.org/b:2"}})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestPackIsReproducible(t *testing.T) {
	digest := func(content string, changed time.Time) string {
		d, err := pack(t, content, changed).Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	now := time.Now()
	if a, b := digest("x", now), digest("x", now.Add(-time.Hour)); a != b {
		t.Errorf("the same program packed twice: %s and %s", a, b)
	}
	if a, b := digest("x", now), digest("y", now); a == b {
		t.Errorf("two programs have one digest %s", a)
	}
}

func TestPack(t *testing.T) {
	img := pack(t, "content", time.Now())
	// Fast, because the whole check takes every layer for a compressed one.
	if err := validate.Image(img.Image, validate.Fast); err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"/program"}; !slices.Equal(config.Config.Entrypoint, want) || config.OS != "linux" {
		t.Errorf("entrypoint %v on %s", config.Config.Entrypoint, config.OS)
	}
	if _, ok := config.Config.ExposedPorts["80/tcp"]; !ok {
		t.Errorf("ports %v", config.Config.ExposedPorts)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	files := untar(t, content)
	if string(files["program"]) != "content" {
		t.Errorf("the layer holds %v", files)
	}
	if _, err := Pack(Program{Path: filepath.Join(t.TempDir(), "none"), Names: []string{"n"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing program: %v", err)
	}
}

// TestArchive checks the image layout: an index that names each image, and each
// blob once under its digest.
func TestArchive(t *testing.T) {
	img := pack(t, "content", time.Now())
	var b bytes.Buffer
	if err := Archive(&b, img, pack(t, "other", time.Now())); err != nil {
		t.Fatal(err)
	}
	files := untar(t, &b)
	if !strings.Contains(string(files["oci-layout"]), `"1.0.0"`) {
		t.Errorf("oci-layout is %s", files["oci-layout"])
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range index.Manifests {
		names = append(names, m.Annotations[nameAnnotation])
	}
	if want := []string{"example.com/a:1", "example.org/b:2", "example.com/a:1", "example.org/b:2"}; !slices.Equal(names, want) {
		t.Errorf("names %v, want %v", names, want)
	}
	blobs := 0
	for name, content := range files {
		hex, ok := strings.CutPrefix(name, "blobs/sha256/")
		if !ok {
			continue
		}
		blobs++
		if hash, _, err := v1.SHA256(bytes.NewReader(content)); err != nil || hash.Hex != hex {
			t.Errorf("%s has digest %s, %v", name, hash.Hex, err)
		}
	}
	if blobs != 6 {
		t.Errorf("%d blobs, want two of each: layer, configuration, manifest", blobs)
	}
	if err := Archive(failing{}, img); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// untar returns the files of an archive; a file in it twice is an error.
func untar(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := files[header.Name]; ok {
			t.Errorf("%s is in the archive twice", header.Name)
		}
		if !header.ModTime.Equal(epoch) {
			t.Errorf("%s is of %s", header.Name, header.ModTime)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}
