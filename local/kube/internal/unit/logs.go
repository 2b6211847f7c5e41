package unit

import (
	"fmt"
	"os"
	"path/filepath"

	"smbcopilot.dev/local/kube/internal/spec"
)

// rotateLogs renames the components' logs of the previous start to .log.old.
func rotateLogs(spec.Spec) error {
	logs, err := filepath.Glob(spec.Logs + "/*.log")
	if err != nil {
		return fmt.Errorf("failed to list logs: %w", err)
	}
	for _, log := range logs {
		// The launcher has already opened this one.
		if filepath.Base(log) == "unit.log" {
			continue
		}
		if err := os.Rename(log, log+".old"); err != nil {
			return fmt.Errorf("failed to rotate %s: %w", log, err)
		}
	}
	return nil
}
