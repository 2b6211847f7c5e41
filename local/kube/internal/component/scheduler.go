package component

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// runScheduler runs the scheduler and returns its exit code.
func runScheduler() int {
	return cli.Run(app.NewSchedulerCommand())
}
