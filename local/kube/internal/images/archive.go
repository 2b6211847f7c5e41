package images

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// archive writes a layout in the format that the container runtime imports, without the layers that the runtime already has.
func (l layout) archive(to io.Writer, has func(digest string) bool) error {
	descriptor, manifest, err := l.manifest()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(to)
	files := []string{
		filepath.Join(l.dir, ocispec.ImageLayoutFile), filepath.Join(l.dir, ocispec.ImageIndexFile),
		l.blob(descriptor.Digest.String()), l.blob(manifest.Config.Digest.String()),
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
		return fmt.Errorf("failed to finish the archive of %s: %w", l.dir, err)
	}
	return nil
}

// archiveFile adds a file of the layout to the archive.
func (l layout) archiveFile(archive *tar.Writer, path string) error {
	name, err := filepath.Rel(l.dir, path)
	if err != nil {
		return fmt.Errorf("failed to determine the archive name of %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("failed to inspect a file of the image: %w", err)
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o644, ModTime: epoch}
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("failed to archive %s: %w", name, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("failed to open a file of the image: %w", err)
	}
	defer file.Close()
	if _, err := io.Copy(archive, file); err != nil {
		return fmt.Errorf("failed to archive %s: %w", name, err)
	}
	return nil
}
