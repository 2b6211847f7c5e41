package images

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Tag is the tag of all images that this program builds.
const Tag = "local"

// Repository returns the repository of an image in image references.
func Repository(name string) string { return "docker.io/smb-copilot/" + name }

// layout is a directory in the OCI image layout with one image.
type layout struct{ dir string }

// newLayout creates the directories of a layout.
func newLayout(dir string) (layout, error) {
	blobs := filepath.Join(dir, ocispec.ImageBlobsDir, "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return layout{}, fmt.Errorf("failed to create %s: %w", blobs, err)
	}
	return layout{dir: dir}, nil
}

// write writes the layers, the configuration, the manifest and the index into the layout.
func (l layout) write(config ocispec.ImageConfig, layers []layer) error {
	image := ocispec.Image{
		Platform: ocispec.Platform{Architecture: runtime.GOARCH, OS: "linux"}, Config: config, RootFS: ocispec.RootFS{Type: "layers"},
	}
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	for _, layer := range layers {
		image.RootFS.DiffIDs = append(image.RootFS.DiffIDs, digest.Digest(layer.digest))
		manifest.Layers = append(manifest.Layers, ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageLayer, Digest: digest.Digest(layer.digest), Size: layer.size,
		})
		if err := l.linkLayer(layer); err != nil {
			return err
		}
	}
	var err error
	if manifest.Config, err = l.writeBlob(ocispec.MediaTypeImageConfig, image); err != nil {
		return err
	}
	descriptor, err := l.writeBlob(ocispec.MediaTypeImageManifest, manifest)
	if err != nil {
		return err
	}
	descriptor.Annotations = map[string]string{ocispec.AnnotationRefName: Tag}
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{descriptor},
	}
	if err := l.writeJSON(ocispec.ImageLayoutFile, ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion}); err != nil {
		return err
	}
	return l.writeJSON(ocispec.ImageIndexFile, index)
}

// linkLayer links a layer's file into the layout, or copies it if the layout is on another file system.
func (l layout) linkLayer(layer layer) error {
	target := l.blob(layer.digest)
	err := os.Link(layer.path, target)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	source, err := os.Open(layer.path)
	if err != nil {
		return fmt.Errorf("failed to open layer %s: %w", layer.path, err)
	}
	defer source.Close()
	copied, err := os.Create(target)
	if err != nil {
		return fmt.Errorf("failed to create blob %s: %w", target, err)
	}
	defer copied.Close()
	if _, err := io.Copy(copied, source); err != nil {
		return fmt.Errorf("failed to copy layer %s: %w", layer.path, err)
	}
	return nil
}

// blob returns the path of the blob with this digest.
func (l layout) blob(digest string) string {
	return filepath.Join(l.dir, ocispec.ImageBlobsDir, "sha256", strings.TrimPrefix(digest, "sha256:"))
}

// writeBlob writes a value as a JSON blob and returns its descriptor.
func (l layout) writeBlob(mediaType string, value any) (ocispec.Descriptor, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("failed to encode %s: %w", mediaType, err)
	}
	sum := sha256.Sum256(data)
	name := "sha256:" + hex.EncodeToString(sum[:])
	if err := os.WriteFile(l.blob(name), data, 0o644); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("failed to write blob %s: %w", name, err)
	}
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.Digest(name), Size: int64(len(data))}, nil
}

// writeJSON writes a value as JSON into a file of the layout.
func (l layout) writeJSON(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("failed to encode %s: %w", name, err)
	}
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("failed to write %s: %w", path, err)
	}
	return nil
}

// manifest returns the descriptor and the manifest of the image in the layout.
func (l layout) manifest() (ocispec.Descriptor, ocispec.Manifest, error) {
	var index ocispec.Index
	var manifest ocispec.Manifest
	if err := readJSON(filepath.Join(l.dir, ocispec.ImageIndexFile), &index); err != nil {
		return ocispec.Descriptor{}, manifest, err
	}
	if len(index.Manifests) != 1 {
		return ocispec.Descriptor{}, manifest, fmt.Errorf("%s must contain one image, not %d", l.dir, len(index.Manifests))
	}
	err := readJSON(l.blob(index.Manifests[0].Digest.String()), &manifest)
	return index.Manifests[0], manifest, err
}

// readJSON parses a JSON file.
func readJSON(path string, value any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("failed to read %s: %w", path, err)
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("failed to parse %s: %w", path, err)
	}
	return nil
}
