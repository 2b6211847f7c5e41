package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"smbcopilot.dev/local/kube/internal/launch"
)

// status prints the state of an instance as JSON.
func status(args []string) error {
	flags := flag.NewFlagSet("smb-kube status", flag.ContinueOnError)
	state := flags.String("state", "", "state directory")
	if err := parse(flags, args); err != nil {
		return err
	}
	dir, err := stateDir(*state)
	if err != nil {
		return err
	}
	report, err := launch.Status(dir)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// preflight prints the names of missing packages for apt-get, one per line.
func preflight(args []string) error {
	if err := parse(flag.NewFlagSet("smb-kube preflight", flag.ContinueOnError), args); err != nil {
		return err
	}
	for _, name := range launch.MissingPackages() {
		fmt.Println(name)
	}
	return nil
}
