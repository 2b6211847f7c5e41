package images

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// BuildOptions has the inputs and outputs of a build.
type BuildOptions struct {
	Repo     string            // root of the repository
	Cache    string            // cache for root file systems
	Out      string            // output directory for one OCI image layout per image
	Binaries map[string]string // paths by the name that recipes use
}

// Build builds one image into Out/<name> and replaces an existing one.
func Build(recipe Recipe, options BuildOptions) error {
	layers, err := baseLayers(recipe, options)
	if err != nil {
		return fmt.Errorf("image %s: %w", recipe.Name, err)
	}
	if err := buildOn(layers, recipe, options); err != nil {
		return fmt.Errorf("image %s: %w", recipe.Name, err)
	}
	return nil
}

// baseLayers returns the layers that are cached: the root file system and the Python packages.
func baseLayers(recipe Recipe, options BuildOptions) ([]layer, error) {
	root, err := ensureRoot(options.Cache, recipe.Root)
	if err != nil || recipe.Python == nil {
		return []layer{root}, err
	}
	packages, err := ensurePackages(options, root, *recipe.Python)
	return []layer{root, packages}, err
}

// buildOn builds an image on cached layers.
func buildOn(layers []layer, recipe Recipe, options BuildOptions) error {
	entries, err := recipe.entries(options)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(options.Out, 0o755); err != nil {
		return fmt.Errorf("failed to create %s: %w", options.Out, err)
	}
	// The image is built in a temporary directory and renamed at the end, so that readers find either the old image or the new one.
	partial, err := os.MkdirTemp(options.Out, ".building-")
	if err != nil {
		return fmt.Errorf("failed to create a directory in %s: %w", options.Out, err)
	}
	defer os.RemoveAll(partial)
	image, err := newLayout(partial)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		top, err := image.add(entries)
		if err != nil {
			return err
		}
		layers = append(slices.Clone(layers), top)
	}
	if err := image.write(recipe.config(), layers); err != nil {
		return err
	}
	return replace(partial, filepath.Join(options.Out, recipe.Name))
}

// config returns the image configuration.
func (r Recipe) config() ocispec.ImageConfig {
	return ocispec.ImageConfig{
		User: r.User, Entrypoint: r.Entrypoint, WorkingDir: cmp.Or(r.WorkingDir, "/"),
		Env: append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, r.Env...),
	}
}

// entries returns the recipe's files with their paths on the host.
func (r Recipe) entries(options BuildOptions) ([]entry, error) {
	var entries []entry
	for _, file := range r.Files {
		source, mode := filepath.Join(options.Repo, file.Source), int64(0o644)
		if file.Binary != "" {
			source, mode = options.Binaries[file.Binary], 0o755
		}
		if source == "" {
			return nil, fmt.Errorf("binary %s is not specified; use --bin %s=PATH", file.Binary, file.Binary)
		}
		info, err := os.Stat(source)
		if err == nil && info.IsDir() {
			below, err := filesBelow(source, file.Target)
			if err != nil {
				return nil, err
			}
			entries = append(entries, below...)
			continue
		}
		if err != nil || !info.Mode().IsRegular() {
			return nil, errors.Join(fmt.Errorf("%s is not a regular file", source), err)
		}
		entries = append(entries, entry{source: source, target: file.Target, mode: cmp.Or(file.Mode, mode)})
	}
	return entries, nil
}

// add writes a layer into the layout. The file is renamed to its digest, which is only known after it is written.
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

// replace replaces the final directory by the partial one.
func replace(partial, final string) error {
	if err := os.Chmod(partial, 0o755); err != nil {
		return fmt.Errorf("failed to make %s readable: %w", partial, err)
	}
	if err := os.RemoveAll(final); err != nil {
		return fmt.Errorf("failed to remove the old %s: %w", final, err)
	}
	if err := os.Rename(partial, final); err != nil {
		return fmt.Errorf("failed to rename %s: %w", partial, err)
	}
	return nil
}
