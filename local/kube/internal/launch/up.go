// Package launch starts and ends units and reports their state, from outside of their namespaces.
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

// Options has the parameters of Up.
type Options struct {
	Spec       spec.Spec
	Timeout    time.Duration
	Foreground bool
	Out        io.Writer // receives the progress, one line per component
}

// Up starts the instance with its existing state. It returns at once if the instance is already running.
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
	if last != nil && sameSpec(last.Spec, s) && becomesHealthy(*last) {
		fmt.Fprintln(options.Out, "already running")
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

// sameSpec returns whether two specs are equal.
func sameSpec(a, b spec.Spec) bool {
	x, _ := json.Marshal(a) // plain strings and numbers always encode
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// start starts the unit and follows its progress.
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
		// A unit that is not complete is removed, so that the next attempt starts from the beginning.
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

// follow prints the progress of the unit until it is ready.
func follow(pipe *os.File, options Options) error {
	// The timeout of the unit itself is shorter, since the unit can report which component is not ready.
	deadline := time.Now().Add(options.Timeout + 10*time.Second)
	if err := pipe.SetReadDeadline(deadline); err != nil {
		return fmt.Errorf("failed to set the deadline of the pipe: %w", err)
	}
	decoder := json.NewDecoder(pipe)
	for {
		var progress unit.Progress
		if err := decoder.Decode(&progress); err != nil {
			return startError{component: "unit", cause: fmt.Sprintf("ended before it was ready: %v", err)}
		}
		if progress.Failure != "" {
			return startError{component: progress.Component, cause: progress.Failure}
		}
		fmt.Fprintf(options.Out, "%s %s %.1fs\n", progress.Component, progress.State, progress.Elapsed.Seconds())
		if progress.Done {
			return nil
		}
	}
}
