// smb-kube runs a Kubernetes cluster of one machine, and builds the images for it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"smbcopilot.dev/local/kube/internal/component"
)

// commands maps a subcommand to what it does with its arguments.
var commands = map[string]func(args []string) error{
	"up": up, "down": down, "status": status, "preflight": preflight, "images": runImages, "unit": runUnit,
}

const usage = `usage: smb-kube COMMAND [flags]

  up         start an instance, or find it running
  down       end an instance
  status     describe an instance, as JSON
  preflight  list the Debian packages that are missing
  images     build, import and push images
  kubectl    the Kubernetes client

Each command explains its flags with --help.
`

func main() {
	name, args := called(os.Args)
	if code, known := component.Run(name, args); known {
		os.Exit(code)
	}
	// Where sudo keeps the caller's PATH, system programs are not in it.
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

// called finds the command: the name under which the program was started, as by a link, or its first argument.
func called(args []string) (string, []string) {
	if name := filepath.Base(args[0]); component.Known(name) {
		return name, args[1:]
	}
	if len(args) < 2 {
		return "", nil
	}
	return args[1], args[2:]
}
