package images

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// entry is a regular file of a layer.
type entry struct {
	source string // path on the host
	target string // path in the image
	mode   int64
}

// epoch is the modification time of all files, so that equal content has an equal digest.
var epoch = time.Unix(0, 0)

// writeLayer writes a layer with the entries and their parent directories.
func writeLayer(path string, entries []entry) (layer, error) {
	file, err := os.Create(path)
	if err != nil {
		return layer{}, fmt.Errorf("failed to create layer %s: %w", path, err)
	}
	defer file.Close()
	hash := sha256.New()
	counted := &counter{}
	archive := tar.NewWriter(io.MultiWriter(file, hash, counted))
	if err := writeEntries(archive, entries); err != nil {
		return layer{}, err
	}
	if err := archive.Close(); err != nil {
		return layer{}, fmt.Errorf("failed to finish layer %s: %w", path, err)
	}
	return layer{path: path, digest: "sha256:" + hex.EncodeToString(hash.Sum(nil)), size: counted.bytes}, nil
}

// writeEntries writes the directories and then the files.
func writeEntries(archive *tar.Writer, entries []entry) error {
	for _, dir := range parents(entries) {
		header := &tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: epoch}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("failed to add directory %s: %w", dir, err)
		}
	}
	for _, entry := range entries {
		if err := writeEntry(archive, entry); err != nil {
			return err
		}
	}
	return nil
}

// writeEntry writes one file.
func writeEntry(archive *tar.Writer, entry entry) error {
	file, err := os.Open(entry.source)
	if err != nil {
		return fmt.Errorf("failed to open %s: %w", entry.source, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("failed to inspect %s: %w", entry.source, err)
	}
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(entry.target, "/"), Size: info.Size(), Mode: entry.mode, ModTime: epoch,
	}
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("failed to add %s: %w", entry.target, err)
	}
	if _, err := io.Copy(archive, file); err != nil {
		return fmt.Errorf("failed to add %s: %w", entry.source, err)
	}
	return nil
}

// parents returns the directories above the entries, each one after its own parent.
func parents(entries []entry) []string {
	var dirs []string
	for _, entry := range entries {
		for dir := path.Dir(strings.TrimPrefix(entry.target, "/")); dir != "."; dir = path.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// measure returns the layer in an existing file, with its digest and size.
func measure(path string) (layer, error) {
	file, err := os.Open(path)
	if err != nil {
		return layer{}, fmt.Errorf("failed to open %s: %w", path, err)
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err != nil {
		return layer{}, fmt.Errorf("failed to read %s: %w", path, err)
	}
	return layer{path: path, digest: "sha256:" + hex.EncodeToString(hash.Sum(nil)), size: size}, nil
}

// counter counts the bytes that are written to it.
type counter struct{ bytes int64 }

// Write implements io.Writer.
func (c *counter) Write(data []byte) (int, error) {
	c.bytes += int64(len(data))
	return len(data), nil
}
