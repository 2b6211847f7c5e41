package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// startError is the failure of a component to start.
type startError struct{ component, cause string }

// Error implements error.
func (e startError) Error() string { return e.component + ": " + e.cause }

// tailLines is the number of lines of the failed component's log in the error.
const tailLines = 20

// explain adds the end of the failed component's log to an error.
func explain(state string, err error) error {
	failed, ok := err.(startError)
	if !ok {
		return err
	}
	path := filepath.Join(state, "logs", failed.component+".log")
	data, readErr := os.ReadFile(path)
	if readErr != nil {
		path = filepath.Join(state, "logs", "unit.log")
		data, _ = os.ReadFile(path) // without a log there are no lines to add
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Errorf("failed to start %w\nlast lines of %s:\n  %s", failed, path, strings.Join(lines, "\n  "))
}
