package main

import (
	"flag"

	"smbcopilot.dev/local/kube/internal/launch"
)

// down parses the flags of `smb-kube down` and ends the instance.
func down(args []string) error {
	flags := flag.NewFlagSet("smb-kube down", flag.ContinueOnError)
	state := flags.String("state", "", "state directory")
	purge := flags.Bool("purge", false, "also remove the state directory with all data")
	if err := parse(flags, args); err != nil {
		return err
	}
	dir, err := stateDir(*state)
	if err != nil {
		return err
	}
	return launch.Down(dir, *purge)
}
