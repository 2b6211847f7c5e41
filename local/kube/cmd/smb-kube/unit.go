package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"smbcopilot.dev/local/kube/internal/spec"
	"smbcopilot.dev/local/kube/internal/unit"
)

// runUnit runs the first process of a unit. Only the launcher starts it, inside new namespaces.
func runUnit(args []string) error {
	if len(args) != 2 || os.Getpid() != 1 {
		return errors.New("unit can only be started by `smb-kube up`")
	}
	var s spec.Spec
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		return fmt.Errorf("failed to parse the spec: %w", err)
	}
	timeout, err := time.ParseDuration(args[1])
	if err != nil {
		return fmt.Errorf("failed to parse the timeout: %w", err)
	}
	os.Exit(unit.Run(s, timeout))
	return nil
}
