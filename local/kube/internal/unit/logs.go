package unit

import (
	"fmt"
	"os"
	"path/filepath"

	"smbcopilot.dev/local/kube/internal/spec"
)

// rotateLogs keeps the components' logs of the unit's last life beside the new ones.
func rotateLogs(spec.Spec) error {
	logs, err := filepath.Glob(spec.Logs + "/*.log")
	if err != nil {
		return fmt.Errorf("failed to list logs: %w", err)
	}
	for _, log := range logs {
		// The launcher has opened this one for us.
		if filepath.Base(log) == "unit.log" {
			continue
		}
		if err := os.Rename(log, log+".old"); err != nil {
			return fmt.Errorf("failed to rotate %s: %w", log, err)
		}
	}
	return nil
}
