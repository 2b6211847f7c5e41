package component

import (
	"context"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kubelet/app"
)

// runKubelet runs the kubelet and returns its exit code.
func runKubelet() int {
	return cli.Run(app.NewKubeletCommand(context.Background()))
}
