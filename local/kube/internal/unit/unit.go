// Package unit is the inside of an instance: process 1 of namespaces of its own, whose end is the end of everything in them.
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

// unit holds the running components.
type unit struct {
	spec     spec.Spec
	reaper   *reaper
	status   *board
	progress *progress
	api      *api
	fatal    chan failure
	deadline time.Time // of the boot
}

// failure names the component that is to blame.
type failure struct {
	component string
	err       error
}

func (f failure) Error() string { return f.component + ": " + f.err.Error() }

// Run boots the instance within the timeout, and keeps it running until it is told to end, or cannot go on. It returns the exit code.
func Run(s spec.Spec, timeout time.Duration) int {
	// A closed pipe to the launcher must not end the unit.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	progress := newProgress()
	if err := identify(s); err != nil {
		progress.failed("unit", err)
		return 1
	}
	if err := prepare(s); err != nil {
		progress.failed("unit", err)
		return 1
	}
	u := &unit{
		spec: s, reaper: newReaper(), status: newBoard(), progress: progress,
		fatal: make(chan failure, 1), deadline: time.Now().Add(timeout),
	}
	if err := u.serve(); err != nil {
		u.blame(err)
		return 1
	}
	return 0
}

// identify must come first: the record names this process as the host knows it.
func identify(s spec.Spec) error {
	self, err := record.Self(s)
	if err != nil {
		return err
	}
	return self.Write()
}

// prepare makes the world that components run in. It ends before the first of them starts.
func prepare(s spec.Spec) error {
	for _, step := range []func(spec.Spec) error{mountAll, tryOverlay, setUpNetwork, setUpCgroups, configure, rotateLogs, forwardAll} {
		if err := step(s); err != nil {
			return err
		}
	}
	return nil
}

// serve returns nil when the unit is asked to end. Whatever it returns, the kernel ends all components with this process.
func (u *unit) serve() error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	booted := make(chan error, 1)
	go func() { booted <- u.boot() }()
	for {
		select {
		case <-end:
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

func (u *unit) blame(err error) {
	var known failure
	if !errors.As(err, &known) {
		known = failure{component: "unit", err: err}
	}
	u.status.failed(known.Error())
	u.progress.failed(known.component, known.err)
	fmt.Fprintln(os.Stderr, known)
}
