package unit

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"smbcopilot.dev/local/kube/internal/spec"
)

// program is the command line of a component. The name is also that of its log. Without a path, the program is part of this binary.
type program struct {
	name string
	path string
	args []string
}

const (
	// A component that has run for stableAfter has started properly, and its next end starts a new series of restarts.
	stableAfter = time.Minute
	// More than maxRestarts restarts in a series end the unit. `up` then starts a new one.
	maxRestarts = 8
	minBackoff  = 250 * time.Millisecond
	maxBackoff  = 10 * time.Second
)

// supervise restarts the program whenever it ends. It returns only if the program does not stay up.
func (u *unit) supervise(p program) error {
	backoff, restarts := minBackoff, 0
	for {
		start := time.Now()
		reason, err := u.runOnce(p)
		if err != nil {
			return err
		}
		if time.Since(start) > stableAfter {
			backoff, restarts = minBackoff, 0
		}
		if restarts++; restarts > maxRestarts {
			return fmt.Errorf("%s does not stay up: %s, %d times in a row", p.name, reason, restarts)
		}
		time.Sleep(backoff)
		backoff = min(2*backoff, maxBackoff)
	}
}

// runOnce runs the program to its end and returns a description of the end.
func (u *unit) runOnce(p program) (string, error) {
	log, err := openLog(p.name)
	if err != nil {
		return "", err
	}
	defer log.Close()
	pid, ended, err := u.reaper.start(p.executable(), append([]string{p.name}, p.args...), log)
	if err != nil {
		return "", err
	}
	u.status.started(p.name, pid)
	reason := describe(<-ended)
	fmt.Fprintf(log, "smb-kube: %s: %s\n", p.name, reason)
	u.status.ended(p.name, reason)
	return reason, nil
}

// runTask runs a program that ends by itself. Any end but exit code 0 is an error; the output is in the program's log.
func (u *unit) runTask(p program) error {
	log, err := openLog(p.name)
	if err != nil {
		return err
	}
	defer log.Close()
	_, ended, err := u.reaper.start(p.executable(), append([]string{p.name}, p.args...), log)
	if err != nil {
		return err
	}
	if status := <-ended; status != syscall.WaitStatus(0) {
		return fmt.Errorf("%s: %s; see its log", p.name, describe(status))
	}
	return nil
}

// executable returns the path of the program.
func (p program) executable() string {
	if p.path != "" {
		return p.path
	}
	return spec.Binary
}

// openLog opens the log of a component for appending.
func openLog(name string) (*os.File, error) {
	path := filepath.Join(spec.Logs, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("failed to open %s: %w", path, err)
	}
	return log, nil
}
