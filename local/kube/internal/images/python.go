package images

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// Python specifies Python packages, which are a layer between the root and the files.
type Python struct {
	Requirements string `json:"requirements"` // file with pinned versions and hashes, relative to the root of the repository
	Target       string `json:"target"`       // folder in the image, for PYTHONPATH
}

// interpreter matches the interpreter in a Debian root, which has its version in its name.
var interpreter = regexp.MustCompile(`^(?:\./)?usr/bin/python(3\.\d+)$`)

// ensurePackages returns the layer of the packages. pip downloads them unless the layer is in the cache.
func ensurePackages(options BuildOptions, root layer, python Python) (layer, error) {
	requirements := filepath.Join(options.Repo, python.Requirements)
	content, err := os.ReadFile(requirements)
	if err != nil {
		return layer{}, fmt.Errorf("failed to read %s: %w", requirements, err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", root.digest, python.Target, content))
	path := filepath.Join(options.Cache, "python", hex.EncodeToString(sum[:8])+".tar")
	if _, err := os.Stat(path + ".digest"); err != nil {
		if err := buildPackages(path, root, requirements, python.Target); err != nil {
			return layer{}, err
		}
	}
	return cachedLayer(path)
}

// buildPackages installs the packages for the interpreter of the root, and writes them as a layer into the cache.
func buildPackages(path string, root layer, requirements, target string) error {
	version, err := pythonVersion(root.path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("failed to create the cache %s: %w", filepath.Dir(path), err)
	}
	folder, err := os.MkdirTemp(filepath.Dir(path), ".packages-")
	if err != nil {
		return fmt.Errorf("failed to create a folder for Python packages: %w", err)
	}
	defer os.RemoveAll(folder)
	pip := exec.Command("pip3", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--require-hashes",
		"--only-binary", ":all:", "--python-version", version, "--target", folder, "--requirement", requirements)
	if output, err := pip.CombinedOutput(); err != nil {
		return fmt.Errorf("failed to install %s with pip: %w\n%s", requirements, err, output)
	}
	entries, err := filesBelow(folder, target)
	if err != nil {
		return err
	}
	built, err := writeLayer(path, entries)
	if err != nil {
		return err
	}
	// The digest is written last. A layer without it is built again.
	if err := os.WriteFile(path+".digest", []byte(built.digest), 0o644); err != nil {
		return fmt.Errorf("failed to write the digest of %s: %w", path, err)
	}
	return nil
}

// pythonVersion returns the version of the interpreter in the archive of a root, such as 3.11.
func pythonVersion(root string) (string, error) {
	file, err := os.Open(root)
	if err != nil {
		return "", fmt.Errorf("failed to open %s: %w", root, err)
	}
	defer file.Close()
	archive := tar.NewReader(file)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("found no Python in %s; the recipe's root must have the package python3", root)
		}
		if err != nil {
			return "", fmt.Errorf("failed to read %s: %w", root, err)
		}
		if found := interpreter.FindStringSubmatch(header.Name); found != nil {
			return found[1], nil
		}
	}
}

// filesBelow returns the files of a folder, without what Python has compiled, as entries below a folder of the image.
func filesBelow(folder, target string) ([]entry, error) {
	var entries []entry
	err := filepath.WalkDir(folder, func(path string, found fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case found.IsDir() && found.Name() == "__pycache__":
			return fs.SkipDir
		case found.IsDir():
			return nil
		case !found.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", path)
		}
		relative, err := filepath.Rel(folder, path)
		if err == nil {
			entries = append(entries, entry{source: path, target: filepath.Join(target, relative), mode: 0o644})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("failed to list %s: %w", folder, err)
	}
	return entries, nil
}
