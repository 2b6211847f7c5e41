package component

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// runApiserver runs the API server and returns its exit code.
func runApiserver() int {
	return cli.Run(app.NewAPIServerCommand())
}
