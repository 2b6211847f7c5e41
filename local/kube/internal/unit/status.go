package unit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"smbcopilot.dev/local/kube/internal/spec"
)

// Status is the state of the unit, which it writes to a file in the state directory.
type Status struct {
	Ready      bool                       `json:"ready"`
	Failure    string                     `json:"failure,omitempty"`
	Components map[string]ComponentStatus `json:"components"`
}

// ComponentStatus is the state of a component. Its PID is the one inside the unit, or 0 while it does not run.
type ComponentStatus struct {
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	LastEnd  string `json:"lastEnd,omitempty"`
}

// statusFile holds the status and writes it to its file after every change.
type statusFile struct {
	mu     sync.Mutex
	status Status
}

// newStatusFile returns a status without components.
func newStatusFile() *statusFile {
	return &statusFile{status: Status{Components: map[string]ComponentStatus{}}}
}

// started records the start of a component.
func (f *statusFile) started(name string, pid int) {
	f.change(func(s *Status) {
		component := s.Components[name]
		if component.LastEnd != "" {
			component.Restarts++
		}
		component.PID = pid
		s.Components[name] = component
	})
}

// ended records the end of a component.
func (f *statusFile) ended(name, reason string) {
	f.change(func(s *Status) {
		component := s.Components[name]
		component.PID, component.LastEnd = 0, reason
		s.Components[name] = component
	})
}

// ready records that the instance is ready.
func (f *statusFile) ready() { f.change(func(s *Status) { s.Ready = true }) }

// failed records the reason for which the unit ends.
func (f *statusFile) failed(reason string) {
	f.change(func(s *Status) { s.Ready, s.Failure = false, reason })
}

// change edits the status and writes the file.
func (f *statusFile) change(edit func(*Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit(&f.status)
	data, _ := json.MarshalIndent(f.status, "", "  ") // plain strings and numbers always encode
	path := filepath.Join(spec.Home, spec.StatusFile)
	// The file is renamed at the end, so that no reader finds an incomplete one.
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		fmt.Fprintf(os.Stderr, "failed to write %s: %v\n", path, err)
		return
	}
	if err := os.Rename(path+".new", path); err != nil {
		fmt.Fprintf(os.Stderr, "failed to rename %s: %v\n", path, err)
	}
}
