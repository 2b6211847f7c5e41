package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// startError names the component that did not come up.
type startError struct{ component, cause string }

func (e startError) Error() string { return e.component + ": " + e.cause }

// tailLines of a failing component's log are shown.
const tailLines = 20

// explain adds the end of the failing component's log.
func explain(state string, err error) error {
	failed, ok := err.(startError)
	if !ok {
		return err
	}
	path := filepath.Join(state, "logs", failed.component+".log")
	data, readErr := os.ReadFile(path)
	if readErr != nil {
		path = filepath.Join(state, "logs", "unit.log")
		data, _ = os.ReadFile(path) // then there is nothing to show
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Errorf("failed to start %w\nthe end of %s:\n  %s", failed, path, strings.Join(lines, "\n  "))
}
