package component

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// runControllerManager runs the controller manager and returns its exit code.
func runControllerManager() int {
	return cli.Run(app.NewControllerManagerCommand())
}
