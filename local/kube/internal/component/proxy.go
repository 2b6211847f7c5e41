package component

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-proxy/app"
)

// runProxy runs kube-proxy and returns its exit code.
func runProxy() int {
	return cli.Run(app.NewProxyCommand())
}
