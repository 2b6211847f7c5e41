package launch

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// wait stays until the unit ends, and passes on the wish that it do.
func wait(child *child) error {
	wishes := make(chan os.Signal, 1)
	signal.Notify(wishes, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for wish := range wishes {
			_ = child.process.Signal(wish)
		}
	}()
	state, err := child.process.Wait()
	if err != nil {
		return fmt.Errorf("failed to wait for the unit: %w", err)
	}
	if !state.Success() {
		return fmt.Errorf("the unit ended: %s", state)
	}
	return nil
}
