package unit

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"smbcopilot.dev/local/kube/internal/spec"
)

// program is one component: a name, which names its log as well, and how to call it. Without a path it is one of this binary's own.
type program struct {
	name string
	path string
	args []string
}

const (
	// A component that lived this long has started properly: what ends it later is a new trouble.
	settled = time.Minute
	// More restarts than this without settling end the unit: it would not get better, and `up` starts it afresh.
	maxRestarts  = 8
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// supervise keeps the program running. It returns only when the program will not stay up.
func (u *unit) supervise(p program) error {
	backoff, restarts := firstBackoff, 0
	for {
		began := time.Now()
		how, err := u.runOnce(p)
		if err != nil {
			return err
		}
		if time.Since(began) > settled {
			backoff, restarts = firstBackoff, 0
		}
		if restarts++; restarts > maxRestarts {
			return fmt.Errorf("%s does not stay up: %s, %d times in a row", p.name, how, restarts)
		}
		time.Sleep(backoff)
		backoff = min(2*backoff, maxBackoff)
	}
}

// runOnce runs the program to its end and says how it ended.
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
	how := describe(<-ended)
	fmt.Fprintf(log, "smb-kube: %s: %s\n", p.name, how)
	u.status.ended(p.name, how)
	return how, nil
}

// runTask runs a short program; anything but exit code 0 is an error that carries the end of its output.
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
		return fmt.Errorf("%s: %s, see its log", p.name, describe(status))
	}
	return nil
}

func (p program) executable() string {
	if p.path != "" {
		return p.path
	}
	return spec.Binary
}

func openLog(name string) (*os.File, error) {
	path := filepath.Join(spec.Logs, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("failed to open %s: %w", path, err)
	}
	return log, nil
}
