package main

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"smbcopilot.dev/local/kube/internal/images"
	"smbcopilot.dev/local/kube/internal/record"
	"smbcopilot.dev/local/kube/internal/spec"
)

// runImages dispatches the subcommands of `smb-kube images`.
func runImages(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "build":
			return buildImages(args[1:], nil)
		case "roots":
			return buildImages(args[1:], images.Roots)
		case "import":
			return importImages(args[1:])
		case "push":
			return pushImages(args[1:])
		}
	}
	return errors.New("usage: smb-kube images build|roots|import|push [flags] [NAME or LAYOUT…]")
}

// buildImages builds the images of all recipes, or of those that are named. With choose it builds what choose makes of the
// recipes. It prints one line per image, which begins with the image's name.
func buildImages(args []string, choose func([]images.Recipe) ([]images.Recipe, error)) error {
	options := images.BuildOptions{Binaries: map[string]string{}}
	flags := flag.NewFlagSet("smb-kube images build", flag.ContinueOnError)
	flags.StringVar(&options.Repo, "repo", ".", "root of the repository, with the recipes in local/images")
	flags.StringVar(&options.Cache, "cache", "", "cache directory for root file systems")
	flags.StringVar(&options.Out, "out", "", "output directory, which gets one OCI image layout per image")
	flags.Func("bin", "NAME=PATH of a binary that a recipe refers to; may be repeated", func(value string) error {
		name, path, found := strings.Cut(value, "=")
		options.Binaries[name] = path
		if !found {
			return fmt.Errorf("%q must have the form NAME=PATH", value)
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if options.Cache == "" || options.Out == "" {
		return errors.New("--cache and --out are required")
	}
	recipes, err := images.ReadRecipes(filepath.Join(options.Repo, "local", "images"), flags.Args())
	if err != nil {
		return err
	}
	if choose != nil {
		if recipes, err = choose(recipes); err != nil {
			return err
		}
	}
	for _, recipe := range recipes {
		start := time.Now()
		if err := images.Build(recipe, options); err != nil {
			return err
		}
		fmt.Printf("%s built %.1fs\n", recipe.Name, time.Since(start).Seconds())
	}
	return nil
}

// importImages imports image layouts that `images build` has written. The last element of a path is the name of the image.
func importImages(args []string) error {
	flags := flag.NewFlagSet("smb-kube images import", flag.ContinueOnError)
	state := flags.String("state", "", "state directory of a running instance in mode node")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime, err := instanceRuntime(*state)
	if err != nil {
		return err
	}
	for _, dir := range flags.Args() {
		start := time.Now()
		outcome, err := runtime.Import(filepath.Clean(dir))
		if err != nil {
			return err
		}
		fmt.Printf("%s %s %.1fs\n", filepath.Base(dir), outcome, time.Since(start).Seconds())
	}
	return nil
}

// instanceRuntime returns the container runtime of the instance with this state directory.
func instanceRuntime(state string) (images.Runtime, error) {
	dir, err := stateDir(state)
	if err != nil {
		return images.Runtime{}, err
	}
	unit, err := record.Read(dir)
	if err != nil {
		return images.Runtime{}, err
	}
	if unit == nil || !unit.Alive() {
		return images.Runtime{}, fmt.Errorf("no instance is running with state directory %s", dir)
	}
	return images.RuntimeOfUnit(unit.PID, spec.ContainerdSock)
}

// pushImages copies image layouts to a registry.
func pushImages(args []string) error {
	flags := flag.NewFlagSet("smb-kube images push", flag.ContinueOnError)
	registry := flags.String("registry", "", "registry, with its port and path if it has them")
	tag := flags.String("tag", images.Tag, "tag of the images in the registry")
	plain := flags.Bool("plain", false, "allow a registry without TLS")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *registry == "" {
		return errors.New("--registry is required")
	}
	for _, dir := range flags.Args() {
		if err := images.Push(filepath.Clean(dir), *registry, *tag, !*plain); err != nil {
			return err
		}
		fmt.Printf("%s pushed\n", filepath.Base(dir))
	}
	return nil
}
