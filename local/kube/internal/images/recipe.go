// Package images builds container images from recipes, without a registry, and brings them to where they run.
package images

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Recipe is one file of local/images.
type Recipe struct {
	Name       string   `json:"-"`
	Root       Root     `json:"root"`
	Files      []File   `json:"files"`
	User       string   `json:"user"` // by number: Kubernetes cannot check runAsNonRoot for a name
	Entrypoint []string `json:"entrypoint"`
	Env        []string `json:"env"`
	WorkingDir string   `json:"workingDir"`
}

// Root is a Debian root file system. Recipes with equal roots share one.
type Root struct {
	Packages []string `json:"packages"`
	// Hooks are shell commands that run before Packages are installed, with the root's directory as $1.
	Hooks []string `json:"hooks"`
}

// File is put on top of the root: either a binary that the caller of `images build` names, or a file of the repository.
type File struct {
	Binary string `json:"binary"`
	Source string `json:"source"` // relative to the repository
	Target string `json:"target"`
	Mode   int64  `json:"mode"` // absent: 0755 for a binary, 0644 for a file
}

// ReadRecipes reads the named recipes of a directory, or all of them.
func ReadRecipes(dir string, names []string) ([]Recipe, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("failed to find recipes in %s", dir)
	}
	var recipes []Recipe
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		recipe, err := readRecipe(path, name)
		if err != nil {
			return nil, err
		}
		recipes = append(recipes, recipe)
	}
	for _, name := range names {
		if !slices.ContainsFunc(recipes, func(r Recipe) bool { return r.Name == name }) {
			return nil, fmt.Errorf("failed to find a recipe named %s in %s", name, dir)
		}
	}
	return recipes, nil
}

func readRecipe(path, name string) (Recipe, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Recipe{}, fmt.Errorf("failed to read recipe %s: %w", path, err)
	}
	recipe := Recipe{}
	if err := yaml.UnmarshalStrict(data, &recipe); err != nil {
		return Recipe{}, fmt.Errorf("failed to parse recipe %s: %w", path, err)
	}
	recipe.Name = name
	return recipe, recipe.validate()
}

func (r Recipe) validate() error {
	if len(r.Entrypoint) == 0 {
		return fmt.Errorf("recipe %s: entrypoint is missing", r.Name)
	}
	for _, file := range r.Files {
		if (file.Binary == "") == (file.Source == "") {
			return fmt.Errorf("recipe %s: file %s needs either binary or source", r.Name, file.Target)
		}
		if !filepath.IsAbs(file.Target) {
			return fmt.Errorf("recipe %s: target %q is not absolute", r.Name, file.Target)
		}
	}
	return nil
}
