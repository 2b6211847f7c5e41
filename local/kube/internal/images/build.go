package images

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// BuildOptions says from what, and where to, images are built.
type BuildOptions struct {
	Repo     string            // root of the repository
	Cache    string            // where root file systems are kept
	Out      string            // gets a directory an image, in OCI image layout
	Binaries map[string]string // by the name that recipes use
}

// Build builds one image into Out/<name>, replacing what is there.
func Build(recipe Recipe, options BuildOptions) error {
	root, err := ensureRoot(options.Cache, recipe.Root)
	if err != nil {
		return fmt.Errorf("image %s: %w", recipe.Name, err)
	}
	if err := buildOn(root, recipe, options); err != nil {
		return fmt.Errorf("image %s: %w", recipe.Name, err)
	}
	return nil
}

func buildOn(root layer, recipe Recipe, options BuildOptions) error {
	entries, err := recipe.entries(options)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(options.Out, 0o755); err != nil {
		return fmt.Errorf("failed to make %s: %w", options.Out, err)
	}
	// Beside its place, and renamed at the end: a reader sees the old image or the new one.
	partial, err := os.MkdirTemp(options.Out, ".building-")
	if err != nil {
		return fmt.Errorf("failed to make a directory in %s: %w", options.Out, err)
	}
	defer os.RemoveAll(partial)
	image, err := newLayout(partial)
	if err != nil {
		return err
	}
	layers := []layer{root}
	if len(entries) > 0 {
		top, err := image.add(entries)
		if err != nil {
			return err
		}
		layers = append(layers, top)
	}
	if err := image.write(recipe.config(), layers); err != nil {
		return err
	}
	return replace(partial, filepath.Join(options.Out, recipe.Name))
}

func (r Recipe) config() ocispec.ImageConfig {
	return ocispec.ImageConfig{
		User: r.User, Entrypoint: r.Entrypoint, WorkingDir: cmp.Or(r.WorkingDir, "/"),
		Env: append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, r.Env...),
	}
}

// entries resolves the recipe's files to paths of the host.
func (r Recipe) entries(options BuildOptions) ([]entry, error) {
	var entries []entry
	for _, file := range r.Files {
		source, mode := filepath.Join(options.Repo, file.Source), int64(0o644)
		if file.Binary != "" {
			source, mode = options.Binaries[file.Binary], 0o755
		}
		if source == "" {
			return nil, fmt.Errorf("no binary named %s: give --bin %s=PATH", file.Binary, file.Binary)
		}
		if info, err := os.Stat(source); err != nil || !info.Mode().IsRegular() {
			return nil, errors.Join(fmt.Errorf("failed to find the file %s", source), err)
		}
		entries = append(entries, entry{source: source, target: file.Target, mode: cmp.Or(file.Mode, mode)})
	}
	return entries, nil
}

// add writes a layer into the layout itself, under its digest, which is known when it is written.
func (l layout) add(entries []entry) (layer, error) {
	top, err := writeLayer(filepath.Join(l.dir, ".layer.tar"), entries)
	if err != nil {
		return layer{}, err
	}
	final := l.blob(top.digest)
	if err := os.Rename(top.path, final); err != nil {
		return layer{}, fmt.Errorf("failed to rename layer %s: %w", top.path, err)
	}
	top.path = final
	return top, nil
}

func replace(partial, final string) error {
	if err := os.Chmod(partial, 0o755); err != nil {
		return fmt.Errorf("failed to open %s to readers: %w", partial, err)
	}
	if err := os.RemoveAll(final); err != nil {
		return fmt.Errorf("failed to remove the old %s: %w", final, err)
	}
	if err := os.Rename(partial, final); err != nil {
		return fmt.Errorf("failed to rename %s: %w", partial, err)
	}
	return nil
}
