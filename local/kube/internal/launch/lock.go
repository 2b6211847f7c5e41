package launch

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lock creates the state directory and locks it, so that only one launcher at a time uses it. The lock ends with this process.
func lock(state string) (unlock func(), err error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("failed to create %s: %w", state, err)
	}
	path := lockPath(state)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("failed to open %s: %w", path, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("failed to lock %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil
}

// locked returns whether a launcher has locked the state directory.
func locked(state string) bool {
	file, err := os.Open(lockPath(state))
	if err != nil {
		return false
	}
	defer file.Close()
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// lockPath returns the path of the lock file.
func lockPath(state string) string { return filepath.Join(state, "launcher.lock") }
