// Package images builds container images from recipes without a registry, and imports or pushes them.
package images

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Recipe is the content of a file in local/images.
type Recipe struct {
	Name       string   `json:"-"`
	Root       Root     `json:"root"`
	Python     *Python  `json:"python"`
	Files      []File   `json:"files"`
	User       string   `json:"user"` // numeric, since Kubernetes cannot check runAsNonRoot for a name
	Entrypoint []string `json:"entrypoint"`
	Env        []string `json:"env"`
	WorkingDir string   `json:"workingDir"`
}

// Root specifies a Debian root file system. Recipes with equal specifications share one.
type Root struct {
	Packages []string `json:"packages"`
	// Hooks are shell commands that run before the packages are installed. Their argument $1 is the directory of the root.
	Hooks []string `json:"hooks"`
}

// File is added to the root: either a binary from the flag --bin, or a file or a folder of the repository.
type File struct {
	Binary string `json:"binary"`
	Source string `json:"source"` // relative to the root of the repository
	Target string `json:"target"`
	Mode   int64  `json:"mode"` // default: 0755 for a binary, 0644 for a file; a folder has no mode
}

// ReadRecipes returns the named recipes of a directory, or all of them if no names are given.
func ReadRecipes(dir string, names []string) ([]Recipe, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("found no recipes in %s", dir)
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
			return nil, fmt.Errorf("found no recipe %s in %s", name, dir)
		}
	}
	return recipes, nil
}

// readRecipe parses and validates a recipe.
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

// validate returns an error for a missing or contradictory field.
func (r Recipe) validate() error {
	if len(r.Entrypoint) == 0 {
		return fmt.Errorf("recipe %s: entrypoint is missing", r.Name)
	}
	if r.Python != nil && !filepath.IsAbs(r.Python.Target) {
		return fmt.Errorf("recipe %s: target %q of the Python packages must be absolute", r.Name, r.Python.Target)
	}
	for _, file := range r.Files {
		if (file.Binary == "") == (file.Source == "") {
			return fmt.Errorf("recipe %s: file %s must have either binary or source", r.Name, file.Target)
		}
		if !filepath.IsAbs(file.Target) {
			return fmt.Errorf("recipe %s: target %q must be absolute", r.Name, file.Target)
		}
	}
	return nil
}
