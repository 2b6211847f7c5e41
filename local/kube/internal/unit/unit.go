// Package unit implements the inside of an instance: process 1 of new namespaces. When it ends, the kernel ends all processes in them.
package unit

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"smbcopilot.dev/local/kube/internal/record"
	"smbcopilot.dev/local/kube/internal/spec"
)

// unit is the state of a running instance.
type unit struct {
	spec     spec.Spec
	reaper   *reaper
	status   *statusFile
	progress *progress
	api      *api
	fatal    chan failure
	deadline time.Time // by which the boot must be complete
}

// failure is an error of a component.
type failure struct {
	component string
	err       error
}

// Error implements error.
func (f failure) Error() string { return f.component + ": " + f.err.Error() }

// Run boots the instance within the timeout and runs it until it is terminated or a component does not stay up. It returns the exit code.
func Run(s spec.Spec, timeout time.Duration) int {
	// A closed pipe to the launcher must not end the unit.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	progress := newProgress()
	if err := writeRecord(s); err != nil {
		progress.failed("unit", err)
		return 1
	}
	if err := prepare(s); err != nil {
		progress.failed("unit", err)
		return 1
	}
	u := &unit{
		spec: s, reaper: newReaper(), status: newStatusFile(), progress: progress,
		fatal: make(chan failure, 1), deadline: time.Now().Add(timeout),
	}
	if err := u.serve(); err != nil {
		u.report(err)
		return 1
	}
	return 0
}

// writeRecord writes the record of this process. It must be called first, while /proc still shows the PIDs of the host.
func writeRecord(s spec.Spec) error {
	self, err := record.Self(s)
	if err != nil {
		return err
	}
	return self.Write()
}

// prepare sets up the environment of the components before the first one starts.
func prepare(s spec.Spec) error {
	for _, step := range []func(spec.Spec) error{mountAll, tryOverlay, setUpNetwork, setUpCgroups, configure, rotateLogs, forwardAll} {
		if err := step(s); err != nil {
			return err
		}
	}
	return nil
}

// serve boots the instance and returns nil when the unit is terminated by a signal. The kernel ends all components with this process.
func (u *unit) serve() error {
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM, syscall.SIGINT)
	booted := make(chan error, 1)
	go func() { booted <- u.boot() }()
	for {
		select {
		case <-terminate:
			return nil
		case failure := <-u.fatal:
			return failure
		case err := <-booted:
			if err != nil {
				return err
			}
			u.status.ready()
			u.progress.done()
		}
	}
}

// boot starts all components.
func (u *unit) boot() error {
	if u.spec.Mode == spec.ControlPlane {
		return u.bootControlPlane()
	}
	u.run(containerd())
	if err := u.bootControlPlane(); err != nil {
		return err
	}
	return u.bootNode()
}

// report records the failure that ends the unit.
func (u *unit) report(err error) {
	var known failure
	if !errors.As(err, &known) {
		known = failure{component: "unit", err: err}
	}
	u.status.failed(known.Error())
	u.progress.failed(known.component, known.err)
	fmt.Fprintln(os.Stderr, known)
}
