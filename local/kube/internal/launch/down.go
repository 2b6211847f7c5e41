package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"smbcopilot.dev/local/kube/internal/cgroup"
	"smbcopilot.dev/local/kube/internal/record"
	"smbcopilot.dev/local/kube/internal/spec"
)

const (
	// The kernel ends all processes of the unit before its first one. That took 50 ms; the timeout allows for a busy disk.
	endTimeout    = 10 * time.Second
	cgroupTimeout = 5 * time.Second
)

// Down ends the instance and removes everything except its state directory, and with purge also that. An instance that does not exist is not
// an error.
func Down(state string, purge bool) error {
	if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) {
		return endOrphans(state)
	}
	unlock, err := lock(state)
	if err != nil {
		return err
	}
	defer unlock()
	last, err := record.Read(state)
	if err != nil {
		return err
	}
	if err := end(last); err != nil {
		return err
	}
	if err := endOrphans(state); err != nil {
		return err
	}
	if !purge {
		return nil
	}
	if err := os.RemoveAll(state); err != nil {
		return fmt.Errorf("failed to remove %s: %w", state, err)
	}
	return nil
}

// end kills the recorded unit if it is running, and removes what it has left outside of its namespaces.
func end(last *record.Record) error {
	if last == nil {
		return nil
	}
	if process := last.Open(); process != nil {
		defer process.Close()
		if err := process.Kill(); err != nil {
			return err
		}
		if !process.Ended(int(endTimeout.Milliseconds())) {
			return fmt.Errorf("the unit (PID %d) has not ended within %s after SIGKILL", last.PID, endTimeout)
		}
	}
	return removeRemains(last.Spec)
}

// removeRemains removes the control groups and the record. Processes, mounts, interfaces and rules disappear with the namespaces.
func removeRemains(s spec.Spec) error {
	if err := cgroup.Remove(s.CgroupRoot, cgroupTimeout); err != nil {
		return err
	}
	for _, file := range []string{spec.RecordFile, spec.StatusFile} {
		if err := os.Remove(filepath.Join(s.State, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("failed to remove %s: %w", file, err)
		}
	}
	return nil
}
