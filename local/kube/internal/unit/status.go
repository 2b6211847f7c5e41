package unit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"smbcopilot.dev/local/kube/internal/spec"
)

// Status is what the unit tells the outside, as a file in the state directory.
type Status struct {
	Ready      bool                       `json:"ready"`
	Failure    string                     `json:"failure,omitempty"`
	Components map[string]ComponentStatus `json:"components"`
}

// ComponentStatus is one component's. Its PID is the one inside the unit, 0 while it does not run.
type ComponentStatus struct {
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	LastEnd  string `json:"lastEnd,omitempty"`
}

// board holds the status and writes it at each change.
type board struct {
	mu     sync.Mutex
	status Status
}

func newBoard() *board {
	return &board{status: Status{Components: map[string]ComponentStatus{}}}
}

func (b *board) started(name string, pid int) {
	b.change(func(s *Status) {
		component := s.Components[name]
		if component.LastEnd != "" {
			component.Restarts++
		}
		component.PID = pid
		s.Components[name] = component
	})
}

func (b *board) ended(name, how string) {
	b.change(func(s *Status) {
		component := s.Components[name]
		component.PID, component.LastEnd = 0, how
		s.Components[name] = component
	})
}

func (b *board) ready() { b.change(func(s *Status) { s.Ready = true }) }

func (b *board) failed(why string) {
	b.change(func(s *Status) { s.Ready, s.Failure = false, why })
}

func (b *board) change(edit func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	edit(&b.status)
	data, _ := json.MarshalIndent(b.status, "", "  ") // plain strings and numbers always encode
	path := filepath.Join(spec.Home, spec.StatusFile)
	// Renamed into place, so that no reader sees half a file.
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		fmt.Fprintf(os.Stderr, "failed to write %s: %v\n", path, err)
		return
	}
	if err := os.Rename(path+".new", path); err != nil {
		fmt.Fprintf(os.Stderr, "failed to rename %s: %v\n", path, err)
	}
}
