// smb-argocd runs the programs of Argo CD that the tests of GitOps need. Its API server and its web interface are left out.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	applicationsets "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
	repositories "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
)

// programs maps the name of a program to the function that creates its command.
var programs = map[string]func() *cobra.Command{
	"application-controller":    controller.NewCommand,
	"applicationset-controller": applicationsets.NewCommand,
	"repo-server":               repositories.NewCommand,
}

func main() {
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: smb-argocd %s [flags]\n", strings.Join(names(), "|"))
		os.Exit(2)
	}
	program := programs[os.Args[1]]()
	program.SetArgs(os.Args[2:])
	if err := program.Execute(); err != nil {
		os.Exit(1)
	}
}

func names() []string {
	var names []string
	for name := range programs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
