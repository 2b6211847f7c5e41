package images

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// archive streams a layout as the container runtime imports it, without the layers that the runtime has.
func (l layout) archive(to io.Writer, has func(digest string) bool) error {
	described, manifest, err := l.manifest()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(to)
	files := []string{
		filepath.Join(l.dir, ocispec.ImageLayoutFile), filepath.Join(l.dir, ocispec.ImageIndexFile),
		l.blob(described.Digest.String()), l.blob(manifest.Config.Digest.String()),
	}
	for _, layer := range manifest.Layers {
		if digest := layer.Digest.String(); !has(digest) {
			files = append(files, l.blob(digest))
		}
	}
	for _, file := range files {
		if err := l.archiveFile(archive, file); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("failed to end the archive of %s: %w", l.dir, err)
	}
	return nil
}

func (l layout) archiveFile(archive *tar.Writer, path string) error {
	name, err := filepath.Rel(l.dir, path)
	if err != nil {
		return fmt.Errorf("failed to name %s in the archive: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("failed to find a part of the image: %w", err)
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o644, ModTime: epoch}
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("failed to archive %s: %w", name, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("failed to open a part of the image: %w", err)
	}
	defer file.Close()
	if _, err := io.Copy(archive, file); err != nil {
		return fmt.Errorf("failed to archive %s: %w", name, err)
	}
	return nil
}
