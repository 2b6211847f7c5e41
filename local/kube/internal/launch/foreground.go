package launch

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// wait forwards SIGINT and SIGTERM to the unit and waits until it has ended.
func wait(child *child) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for received := range signals {
			_ = child.process.Signal(received)
		}
	}()
	state, err := child.process.Wait()
	if err != nil {
		return fmt.Errorf("failed to wait for the unit: %w", err)
	}
	if !state.Success() {
		return fmt.Errorf("the unit failed: %s", state)
	}
	return nil
}
