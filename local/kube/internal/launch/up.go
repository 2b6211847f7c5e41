// Package launch is the outside of an instance: it starts, ends and describes units.
package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"smbcopilot.dev/local/kube/internal/images"
	"smbcopilot.dev/local/kube/internal/record"
	"smbcopilot.dev/local/kube/internal/spec"
	"smbcopilot.dev/local/kube/internal/unit"
)

// Options of Up.
type Options struct {
	Spec       spec.Spec
	Timeout    time.Duration
	Foreground bool
	Out        io.Writer // progress, a line a component
}

// Up makes the instance run: at once when it already does, and otherwise on what its last life has left.
func Up(options Options) error {
	s := options.Spec
	if err := s.Validate(); err != nil {
		return err
	}
	if err := Preflight(s.Mode); err != nil {
		return err
	}
	unlock, err := lock(s.State)
	if err != nil {
		return err
	}
	defer unlock()
	last, err := record.Read(s.State)
	if err != nil {
		return err
	}
	if last != nil && sameSpec(last.Spec, s) && settles(*last) {
		fmt.Fprintln(options.Out, "already up")
		return nil
	}
	if err := end(last); err != nil {
		return err
	}
	if err := endOrphans(s.State); err != nil {
		return err
	}
	return start(options)
}

// sameSpec tells whether the running unit is the one asked for.
func sameSpec(a, b spec.Spec) bool {
	x, _ := json.Marshal(a) // plain strings and numbers always encode
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func start(options Options) error {
	s := options.Spec
	if s.Mode == spec.Node {
		if err := images.WritePause(filepath.Join(s.State, "pause.tar")); err != nil {
			return err
		}
	}
	child, err := spawn(s, options.Timeout)
	if err != nil {
		return err
	}
	defer child.progress.Close()
	if err := follow(child.progress, options); err != nil {
		// What is half up is of no use, and the next try starts afresh.
		_ = child.process.Kill()
		_, _ = child.process.Wait()
		_ = removeRemains(s)
		return explain(s.State, err)
	}
	if options.Foreground {
		return errors.Join(wait(child), removeRemains(s))
	}
	return nil
}

// follow prints the unit's progress until it is up.
func follow(pipe *os.File, options Options) error {
	// The unit gives up first, and can say on what.
	deadline := time.Now().Add(options.Timeout + 10*time.Second)
	if err := pipe.SetReadDeadline(deadline); err != nil {
		return fmt.Errorf("failed to bound the wait: %w", err)
	}
	lines := json.NewDecoder(pipe)
	for {
		var line unit.Progress
		if err := lines.Decode(&line); err != nil {
			return startError{component: "unit", cause: fmt.Sprintf("ended before it was up: %v", err)}
		}
		if line.Failure != "" {
			return startError{component: line.Component, cause: line.Failure}
		}
		fmt.Fprintf(options.Out, "%s %s %.1fs\n", line.Component, line.State, line.Elapsed.Seconds())
		if line.Done {
			return nil
		}
	}
}
