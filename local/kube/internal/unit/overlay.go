package unit

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"smbcopilot.dev/local/kube/internal/spec"
)

// tryOverlay mounts an overlayfs once, since every container uses one and some file systems, such as that of a container, do not support it.
func tryOverlay(s spec.Spec) error {
	if s.Mode == spec.ControlPlane {
		return nil
	}
	probe, err := os.MkdirTemp(spec.Home, "overlay-")
	if err != nil {
		return fmt.Errorf("failed to create a directory in the state directory: %w", err)
	}
	defer os.RemoveAll(probe)
	part := func(name string) string { return filepath.Join(probe, name) }
	if err := makeDirs(part("lower"), part("upper"), part("work"), part("merged")); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", part("lower"), part("upper"), part("work"))
	if err := unix.Mount("overlay", part("merged"), "overlay", 0, options); err != nil {
		return fmt.Errorf("the file system of %s does not support overlayfs layers (%w): use another --state", s.State, err)
	}
	if err := unix.Unmount(part("merged"), 0); err != nil {
		return fmt.Errorf("failed to unmount the overlayfs probe: %w", err)
	}
	return nil
}
