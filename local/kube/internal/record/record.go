// Package record identifies the first process of a unit, so that it is never confused with another process.
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

// Record is the identity of a process. A PID alone is not sufficient, since it is reused.
type Record struct {
	PID       int       `json:"pid"`       // PID in the host's namespace
	StartTime uint64    `json:"startTime"` // in clock ticks since boot
	BootID    string    `json:"bootId"`
	Spec      spec.Spec `json:"spec"`
}

// Self returns the record of this process. It must be called before /proc of another PID namespace is mounted.
func Self(s spec.Spec) (Record, error) {
	link, err := os.Readlink("/proc/self")
	if err != nil {
		return Record{}, fmt.Errorf("failed to read the PID of this process from /proc: %w", err)
	}
	pid, err := strconv.Atoi(link)
	if err != nil {
		return Record{}, fmt.Errorf("failed to parse PID %q: %w", link, err)
	}
	return OfProcess(pid, s)
}

// OfProcess returns the record of a running process.
func OfProcess(pid int, s spec.Spec) (Record, error) {
	start, err := startTime(pid)
	if err != nil {
		return Record{}, err
	}
	return Record{PID: pid, StartTime: start, BootID: bootID(), Spec: s}, nil
}

// Write writes the record into the state directory.
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

// Read returns the record of the last unit with this state directory, or nil if there was none.
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

// Process is a handle of a running process that stays valid when its PID is reused.
type Process struct{ fd int }

// Open returns a handle of the recorded process, or nil if it has ended.
func (r Record) Open() *Process {
	if r.BootID != bootID() {
		return nil
	}
	// The handle is opened before the identity is checked, so that a reuse of the PID in between is detected.
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

// Alive returns whether the recorded process is running.
func (r Record) Alive() bool {
	process := r.Open()
	if process == nil {
		return false
	}
	process.Close()
	return true
}

// Kill sends SIGKILL. The first process of a PID namespace cannot ignore it if it comes from the parent namespace.
func (p *Process) Kill() error {
	if err := unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("failed to kill the unit: %w", err)
	}
	return nil
}

// Ended waits until the process has ended, at most for the given milliseconds, and returns whether it has. The first process of a PID
// namespace ends after all others in it.
func (p *Process) Ended(milliseconds int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, milliseconds)
	return err == nil && n > 0
}

// Close closes the handle.
func (p *Process) Close() { _ = unix.Close(p.fd) }

// startTime returns field 22 of /proc/<pid>/stat. The fields are counted from the closing parenthesis of the name, which may contain any
// character.
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

// bootID returns the ID of the current boot of the host.
func bootID() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // a missing ID is empty on both sides of a comparison
	return strings.TrimSpace(string(data))
}
