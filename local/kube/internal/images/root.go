package images

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// layer is a file with the uncompressed content of one layer.
type layer struct {
	path   string
	digest string // sha256:…, which is also its diff ID
	size   int64
}

// ensureRoot returns the layer of a root file system. It is built from Debian packages unless it is in the cache.
func ensureRoot(cache string, root Root) (layer, error) {
	host, err := hostDebian()
	if err != nil {
		return layer{}, err
	}
	key, err := rootKey(host.codename, root)
	if err != nil {
		return layer{}, err
	}
	path := filepath.Join(cache, "roots", key+".tar")
	if _, err := os.Stat(path + ".digest"); err != nil {
		if err := buildRoot(host, root, path); err != nil {
			return layer{}, err
		}
	}
	return cachedLayer(path)
}

// Roots returns one recipe for each different root of the recipes: an image of the root alone, named after the first recipe that has
// it. Built and imported early, it leaves only a layer of files for the images themselves.
func Roots(recipes []Recipe) ([]Recipe, error) {
	var roots []Recipe
	known := map[string]bool{}
	for _, recipe := range recipes {
		key, err := rootKey("", recipe.Root)
		if err != nil {
			return nil, err
		}
		if !known[key] {
			known[key] = true
			roots = append(roots, Recipe{Name: recipe.Name + "-root", Root: recipe.Root, Entrypoint: []string{"/bin/sh"}})
		}
	}
	return roots, nil
}

// rootKey returns the cache key of a root: a hash of its specification. It does not depend on the versions of packages, so that newer ones
// are only used after the cache is deleted.
func rootKey(codename string, root Root) (string, error) {
	recipe, err := json.Marshal(struct {
		Codename string
		Root     Root
		Options  []string
	}{codename, root, rootOptions})
	if err != nil {
		return "", fmt.Errorf("failed to encode the specification of a root: %w", err)
	}
	sum := sha256.Sum256(recipe)
	return hex.EncodeToString(sum[:8]), nil
}

// rootOptions exclude files that no container uses.
var rootOptions = []string{
	"--mode=root", "--variant=minbase", "--skip=output/dev",
	"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
	"--dpkgopt=path-include=/usr/share/doc/*/copyright", "--dpkgopt=force-confold", "--dpkgopt=force-unsafe-io",
}

// buildRoot builds a root with mmdebstrap and writes it, with its digest, into the cache.
func buildRoot(host debian, root Root, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("failed to create the cache %s: %w", filepath.Dir(path), err)
	}
	arguments := slices.Clone(rootOptions)
	if len(root.Packages) > 0 {
		arguments = append(arguments, "--include="+strings.Join(root.Packages, ","))
	}
	for _, hook := range root.Hooks {
		arguments = append(arguments, "--essential-hook="+hook)
	}
	// mmdebstrap selects the format by the suffix.
	partial := strings.TrimSuffix(path, ".tar") + ".partial.tar"
	arguments = append(arguments, host.codename, partial)
	if output, err := exec.Command("mmdebstrap", append(arguments, host.sources...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("failed to build a root with mmdebstrap: %w\n%s", err, output)
	}
	built, err := measure(partial)
	if err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("failed to rename %s: %w", partial, err)
	}
	// The digest is written last. A root without it is built again.
	if err := os.WriteFile(path+".digest", []byte(built.digest), 0o644); err != nil {
		return fmt.Errorf("failed to write the digest of %s: %w", path, err)
	}
	return nil
}

// cachedLayer returns a layer of the cache.
func cachedLayer(path string) (layer, error) {
	digest, err := os.ReadFile(path + ".digest")
	if err != nil {
		return layer{}, fmt.Errorf("failed to read the digest of %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return layer{}, fmt.Errorf("failed to inspect the cached root %s: %w", path, err)
	}
	return layer{path: path, digest: string(digest), size: info.Size()}, nil
}
