package unit

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"smbcopilot.dev/local/kube/internal/spec"
)

// tryOverlay mounts what every container stands on, once: on some file systems, such as that of a container, it cannot be had.
func tryOverlay(s spec.Spec) error {
	if s.Mode == spec.ControlPlane {
		return nil
	}
	probe, err := os.MkdirTemp(spec.Home, "overlay-")
	if err != nil {
		return fmt.Errorf("failed to make a directory in the state directory: %w", err)
	}
	defer os.RemoveAll(probe)
	part := func(name string) string { return filepath.Join(probe, name) }
	if err := makeDirs(part("lower"), part("upper"), part("work"), part("merged")); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", part("lower"), part("upper"), part("work"))
	if err := unix.Mount("overlay", part("merged"), "overlay", 0, options); err != nil {
		return fmt.Errorf("the file system of %s cannot hold overlayfs layers (%w): choose another --state", s.State, err)
	}
	if err := unix.Unmount(part("merged"), 0); err != nil {
		return fmt.Errorf("failed to unmount the overlayfs probe: %w", err)
	}
	return nil
}
