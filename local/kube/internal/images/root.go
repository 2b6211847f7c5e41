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

// layer is a file with the content of one layer, uncompressed.
type layer struct {
	path   string
	digest string // sha256:…, which is its diff ID too
	size   int64
}

// ensureRoot gives the root's layer: from the cache where it was made before, and else from the distribution's packages.
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
		if err := makeRoot(host, root, path); err != nil {
			return layer{}, err
		}
	}
	return cachedLayer(path)
}

// rootKey names a root by all that goes into it but the time: newer packages come with an empty cache.
func rootKey(codename string, root Root) (string, error) {
	recipe, err := json.Marshal(struct {
		Codename string
		Root     Root
		Options  []string
	}{codename, root, rootOptions})
	if err != nil {
		return "", fmt.Errorf("failed to encode a root's recipe: %w", err)
	}
	sum := sha256.Sum256(recipe)
	return hex.EncodeToString(sum[:8]), nil
}

// rootOptions leave out what no container reads.
var rootOptions = []string{
	"--mode=root", "--variant=minbase", "--skip=output/dev",
	"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
	"--dpkgopt=path-include=/usr/share/doc/*/copyright", "--dpkgopt=force-confold", "--dpkgopt=force-unsafe-io",
}

func makeRoot(host debian, root Root, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("failed to make the cache %s: %w", filepath.Dir(path), err)
	}
	arguments := slices.Clone(rootOptions)
	if len(root.Packages) > 0 {
		arguments = append(arguments, "--include="+strings.Join(root.Packages, ","))
	}
	for _, hook := range root.Hooks {
		arguments = append(arguments, "--essential-hook="+hook)
	}
	// The suffix tells mmdebstrap the format.
	partial := strings.TrimSuffix(path, ".tar") + ".partial.tar"
	arguments = append(arguments, host.codename, partial)
	if output, err := exec.Command("mmdebstrap", append(arguments, host.sources...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("failed to make a root with mmdebstrap: %w\n%s", err, output)
	}
	made, err := measure(partial)
	if err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("failed to rename %s: %w", partial, err)
	}
	// Written last: a root without it is made again.
	if err := os.WriteFile(path+".digest", []byte(made.digest), 0o644); err != nil {
		return fmt.Errorf("failed to write the digest of %s: %w", path, err)
	}
	return nil
}

func cachedLayer(path string) (layer, error) {
	digest, err := os.ReadFile(path + ".digest")
	if err != nil {
		return layer{}, fmt.Errorf("failed to read the digest of %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return layer{}, fmt.Errorf("failed to find the cached root %s: %w", path, err)
	}
	return layer{path: path, digest: string(digest), size: info.Size()}, nil
}
