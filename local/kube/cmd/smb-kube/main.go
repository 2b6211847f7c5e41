// smb-kube runs a Kubernetes cluster with one node on this machine, and builds images for it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"smbcopilot.dev/local/kube/internal/component"
)

// commands maps the name of a subcommand to its implementation.
var commands = map[string]func(args []string) error{
	"up": up, "down": down, "status": status, "preflight": preflight, "images": runImages, "unit": runUnit,
}

const usage = `usage: smb-kube COMMAND [flags]

  up         start an instance, unless it is already running
  down       end an instance
  status     describe an instance, as JSON
  preflight  list missing Debian packages
  images     build, import and push images
  kubectl    run the Kubernetes client

Run a command with --help for its flags.
`

func main() {
	name, args := commandName(os.Args)
	if code, known := component.Run(name, args); known {
		os.Exit(code)
	}
	// If sudo preserves the caller's PATH, the directories of system programs are missing from it.
	_ = os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
	command, known := commands[name]
	if !known {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err := command(args); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "smb-kube:", err)
		os.Exit(1)
	}
}

// commandName returns the command and its arguments. The command is the name under which the program was started, for example through a
// link, or else its first argument.
func commandName(args []string) (string, []string) {
	if name := filepath.Base(args[0]); component.Known(name) {
		return name, args[1:]
	}
	if len(args) < 2 {
		return "", nil
	}
	return args[1], args[2:]
}
