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

func runImages(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "build":
			return buildImages(args[1:])
		case "import":
			return importImages(args[1:])
		case "push":
			return pushImages(args[1:])
		}
	}
	return errors.New("usage: smb-kube images build|import|push [flags] [NAME or LAYOUT…]")
}

// buildImages prints a line an image.
func buildImages(args []string) error {
	options := images.BuildOptions{Binaries: map[string]string{}}
	flags := flag.NewFlagSet("smb-kube images build", flag.ContinueOnError)
	flags.StringVar(&options.Repo, "repo", ".", "root of the repository, with the recipes in local/images")
	flags.StringVar(&options.Cache, "cache", "", "directory for root file systems, kept between builds")
	flags.StringVar(&options.Out, "out", "", "directory that gets one OCI layout an image")
	flags.Func("bin", "NAME=PATH of a binary that a recipe names; may be repeated", func(value string) error {
		name, path, found := strings.Cut(value, "=")
		options.Binaries[name] = path
		if !found {
			return fmt.Errorf("%q is not NAME=PATH", value)
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
	for _, recipe := range recipes {
		began := time.Now()
		if err := images.Build(recipe, options); err != nil {
			return err
		}
		fmt.Printf("%s built %.1fs\n", recipe.Name, time.Since(began).Seconds())
	}
	return nil
}

// importImages takes layouts, as `images build` makes them: the last part of the path is the image's name.
func importImages(args []string) error {
	flags := flag.NewFlagSet("smb-kube images import", flag.ContinueOnError)
	state := flags.String("state", "", "state directory of a running instance in mode node")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime, err := runtimeOf(*state)
	if err != nil {
		return err
	}
	for _, dir := range flags.Args() {
		began := time.Now()
		outcome, err := runtime.Import(filepath.Clean(dir))
		if err != nil {
			return err
		}
		fmt.Printf("%s %s %.1fs\n", filepath.Base(dir), outcome, time.Since(began).Seconds())
	}
	return nil
}

func runtimeOf(state string) (images.Runtime, error) {
	dir, err := stateDir(state)
	if err != nil {
		return images.Runtime{}, err
	}
	unit, err := record.Read(dir)
	if err != nil {
		return images.Runtime{}, err
	}
	if unit == nil || !unit.Alive() {
		return images.Runtime{}, fmt.Errorf("no instance runs on %s", dir)
	}
	return images.RuntimeOf(unit.PID, spec.ContainerdSock)
}

func pushImages(args []string) error {
	flags := flag.NewFlagSet("smb-kube images push", flag.ContinueOnError)
	registry := flags.String("registry", "", "registry, with a port or a path where it has one")
	plain := flags.Bool("plain", false, "allow a registry without TLS")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *registry == "" {
		return errors.New("--registry is required")
	}
	for _, dir := range flags.Args() {
		if err := images.Push(filepath.Clean(dir), *registry, !*plain); err != nil {
			return err
		}
		fmt.Printf("%s pushed\n", filepath.Base(dir))
	}
	return nil
}
