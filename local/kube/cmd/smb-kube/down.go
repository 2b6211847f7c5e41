package main

import (
	"flag"

	"smbcopilot.dev/local/kube/internal/launch"
)

func down(args []string) error {
	flags := flag.NewFlagSet("smb-kube down", flag.ContinueOnError)
	state := flags.String("state", "", "state directory")
	purge := flags.Bool("purge", false, "remove the state directory too, with all data")
	if err := parse(flags, args); err != nil {
		return err
	}
	dir, err := stateDir(*state)
	if err != nil {
		return err
	}
	return launch.Down(dir, *purge)
}
