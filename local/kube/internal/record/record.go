// Package record identifies the unit's first process, so that no other process is ever taken for it.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"smbcopilot.dev/local/kube/internal/spec"
)

// Record is the identity of a process: a PID alone is given to another process sooner or later.
type Record struct {
	PID       int       `json:"pid"`       // in the host's namespace
	StartTime uint64    `json:"startTime"` // clock ticks since boot
	BootID    string    `json:"bootId"`
	Spec      spec.Spec `json:"spec"`
}

// Self is the record of this process. It must be made before /proc is that of another PID namespace.
func Self(s spec.Spec) (Record, error) {
	link, err := os.Readlink("/proc/self")
	if err != nil {
		return Record{}, fmt.Errorf("failed to find this process in /proc: %w", err)
	}
	pid, err := strconv.Atoi(link)
	if err != nil {
		return Record{}, fmt.Errorf("failed to parse PID %q: %w", link, err)
	}
	return Of(pid, s)
}

// Of is the record of a process that lives.
func Of(pid int, s spec.Spec) (Record, error) {
	start, err := startTime(pid)
	if err != nil {
		return Record{}, err
	}
	return Record{PID: pid, StartTime: start, BootID: bootID(), Spec: s}, nil
}

// Write puts the record into the state directory.
func (r Record) Write() error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("failed to encode the record: %w", err)
	}
	path := filepath.Join(r.Spec.State, spec.RecordFile)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("failed to write %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("failed to rename %s: %w", path, err)
	}
	return nil
}

// Read gives the record of the last unit that ran on the state directory, or nil where none ever did.
func Read(state string) (*Record, error) {
	path := filepath.Join(state, spec.RecordFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("failed to read %s: %w", path, err)
	}
	var record Record
	if err := json.Unmarshal(data, &record); err != nil {
		return nil, fmt.Errorf("failed to parse %s: %w", path, err)
	}
	return &record, nil
}

// Process is a handle on a live process that stays valid whatever happens to its PID.
type Process struct{ fd int }

// Open takes hold of the recorded process, or gives nil when it is gone.
func (r Record) Open() *Process {
	if r.BootID != bootID() {
		return nil
	}
	// The handle first, the identity after: in this order a PID that changes hands in between is noticed.
	fd, err := unix.PidfdOpen(r.PID, 0)
	if err != nil {
		return nil
	}
	process := &Process{fd: fd}
	if start, err := startTime(r.PID); err != nil || start != r.StartTime || process.Ended(0) {
		process.Close()
		return nil
	}
	return process
}

// Alive says whether the recorded process runs.
func (r Record) Alive() bool {
	process := r.Open()
	if process == nil {
		return false
	}
	process.Close()
	return true
}

// Kill sends SIGKILL, which the first process of a PID namespace cannot refuse to its parent namespace.
func (p *Process) Kill() error {
	if err := unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("failed to kill the unit: %w", err)
	}
	return nil
}

// Ended waits for at most the given milliseconds. The first process of a PID namespace ends after all others in it.
func (p *Process) Ended(milliseconds int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, milliseconds)
	return err == nil && n > 0
}

// Close lets go of the process.
func (p *Process) Close() { _ = unix.Close(p.fd) }

// startTime is field 22 of /proc/<pid>/stat, counted from behind the parenthesised name, which may hold anything.
func startTime(pid int) (uint64, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("failed to read %s: %w", path, err)
	}
	_, rest, found := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 20 {
		return 0, fmt.Errorf("failed to parse %s", path)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("failed to parse the start time in %s: %w", path, err)
	}
	return start, nil
}

func bootID() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // empty on both sides of a comparison where there is none
	return strings.TrimSpace(string(data))
}
