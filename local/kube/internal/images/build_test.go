package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const repository = "../../../.."

// Every recipe of the repository is valid.
func TestRecipesOfTheRepository(t *testing.T) {
	recipes, err := ReadRecipes(filepath.Join(repository, "local", "images"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, recipe := range recipes {
		if user, _, _ := strings.Cut(recipe.User, ":"); user == "" || user == "0" || strings.Trim(user, "0123456789") != "" {
			t.Errorf("%s: user %q is not a number above 0, which runAsNonRoot requires", recipe.Name, recipe.User)
		}
		for _, file := range recipe.Files {
			if _, err := os.Stat(filepath.Join(repository, file.Source)); err != nil {
				t.Errorf("%s: %v", recipe.Name, err)
			}
		}
		if recipe.Python != nil {
			if _, err := os.Stat(filepath.Join(repository, recipe.Python.Requirements)); err != nil {
				t.Errorf("%s: %v", recipe.Name, err)
			}
		}
	}
}

// A folder is added with its files, without what Python has compiled.
func TestFoldersAreAddedWithTheirFiles(t *testing.T) {
	repo := t.TempDir()
	for _, name := range []string{"server/__main__.py", "server/store/catalog.py", "server/__pycache__/__main__.pyc"} {
		path := filepath.Join(repo, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	recipe := Recipe{Name: "qdrant", Files: []File{{Source: "server", Target: "/srv"}}}
	entries, err := recipe.entries(BuildOptions{Repo: repo})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[0].target != "/srv/__main__.py" || entries[1].target != "/srv/store/catalog.py" {
		t.Errorf("got %v", entries)
	}
}

// Packages are those for the interpreter of the image, whatever the host has.
func TestPythonVersionIsThatOfTheRoot(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root.tar")
	if _, err := writeLayer(root, []entry{{source: empty, target: "/usr/bin/python3.13", mode: 0o755}}); err != nil {
		t.Fatal(err)
	}
	if version, err := pythonVersion(root); err != nil || version != "3.13" {
		t.Errorf("got %s, %v", version, err)
	}
}

// Equal content gives an equal digest, so that an unchanged image is not imported again.
func TestEqualContentHasAnEqualDigest(t *testing.T) {
	var digests []string
	for range 2 {
		image := buildSample(t, "same")
		descriptor, _, err := image.manifest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, descriptor.Digest.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("%s and %s", digests[0], digests[1])
	}
}

// An archive omits layers that the runtime already has, so that a new version of a binary is imported without the root file system.
func TestArchiveOmitsKnownLayers(t *testing.T) {
	image := buildSample(t, "content")
	_, manifest, err := image.manifest()
	if err != nil {
		t.Fatal(err)
	}
	root := manifest.Layers[0].Digest
	var stream bytes.Buffer
	if err := image.archive(&stream, func(digest string) bool { return digest == root.String() }); err != nil {
		t.Fatal(err)
	}
	names := namesIn(t, &stream)
	if names["blobs/sha256/"+root.Encoded()] || !names["blobs/sha256/"+manifest.Layers[1].Digest.Encoded()] {
		t.Errorf("the archive holds %v", names)
	}
}

// The error for a missing binary has the flag that specifies it.
func TestMissingBinaryIsNamedWithItsFlag(t *testing.T) {
	recipe := Recipe{Name: "operator", Files: []File{{Binary: "operator", Target: "/operator"}}}
	if _, err := recipe.entries(BuildOptions{}); err == nil || !strings.Contains(err.Error(), "--bin operator=PATH") {
		t.Errorf("got %v", err)
	}
}

// buildSample builds an image with two layers and without packages.
func buildSample(t *testing.T, content string) layout {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root, err := writeLayer(filepath.Join(dir, "root.tar"), []entry{{source: write("os-release", "debian"), target: "/etc/os-release", mode: 0o644}})
	if err != nil {
		t.Fatal(err)
	}
	recipe := Recipe{
		Name: "sample", User: "65532:65532", Entrypoint: []string{"/usr/local/bin/program"},
		Files: []File{{Binary: "program", Target: "/usr/local/bin/program"}},
	}
	options := BuildOptions{Out: filepath.Join(dir, "out"), Binaries: map[string]string{"program": write("program", content)}}
	if err := buildOn([]layer{root}, recipe, options); err != nil {
		t.Fatal(err)
	}
	return layout{dir: filepath.Join(dir, "out", "sample")}
}

// namesIn returns the names of the files in an archive.
func namesIn(t *testing.T, stream io.Reader) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names[header.Name] = true
	}
}

// Images with equal roots share one root.
func TestEachRootIsBuiltOnce(t *testing.T) {
	certificates, python := Root{Packages: []string{"ca-certificates"}}, Root{Packages: []string{"python3"}}
	roots, err := Roots([]Recipe{{Name: "operator", Root: certificates}, {Name: "python", Root: python}, {Name: "runner", Root: certificates}})
	if err != nil {
		t.Fatal(err)
	}
	if len(roots) != 2 || roots[0].Name != "operator-root" || roots[1].Name != "python-root" {
		t.Fatalf("unexpected roots: %v", roots)
	}
}
