package unit

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"smbcopilot.dev/local/kube/internal/spec"
)

// mountAll mounts /proc, /run, /tmp and /var for the unit, and the state directory at spec.Home. The mounts are not visible on the host.
func mountAll(s spec.Spec) error {
	// Later mounts must not propagate to the host, whatever propagation it uses.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("failed to make mounts private: %w", err)
	}
	// The state directory and the program are cloned before other mounts cover them, since both may be below /run, /tmp or /var.
	home, err := cloneMount(s.State, unix.AT_RECURSIVE)
	if err != nil {
		return err
	}
	// The path is used, since /proc/self/exe refers to a mount in the launcher's namespace.
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("failed to find this program: %w", err)
	}
	binary, err := cloneMount(program, 0)
	if err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("failed to mount /proc: %w", err)
	}
	if err := coverHost(); err != nil {
		return err
	}
	if err := makeDirs(spec.Home); err != nil {
		return err
	}
	if err := moveMount(home, spec.Home); err != nil {
		return err
	}
	if err := createFile(spec.Binary); err != nil {
		return err
	}
	if err := moveMount(binary, spec.Binary); err != nil {
		return err
	}
	return linkState(s)
}

// coverHost mounts empty file systems over the host's directories to which components write under fixed paths.
func coverHost() error {
	for _, dir := range []string{"/run", "/tmp", "/var"} {
		mode := "mode=0755"
		if dir == "/tmp" {
			mode = "mode=1777"
		}
		if err := unix.Mount("smb-kube", dir, "tmpfs", 0, mode); err != nil {
			return fmt.Errorf("failed to mount a tmpfs on %s: %w", dir, err)
		}
	}
	if err := os.Symlink("/run", "/var/run"); err != nil {
		return fmt.Errorf("failed to link /var/run: %w", err)
	}
	return makeDirs("/run/lock", "/var/lib/cni", "/var/log", "/var/tmp", spec.ContainerdState)
}

// linkState binds parts of the state directory to the paths that the kubelet expects, and propagates mounts below them to containers.
func linkState(s spec.Spec) error {
	if err := unix.Mount("", spec.Home, "", unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("failed to share mounts below %s: %w", spec.Home, err)
	}
	if s.Mode == spec.ControlPlane {
		return nil
	}
	for _, link := range []struct{ from, to string }{
		{spec.Home + "/kubelet", "/var/lib/kubelet"},
		{spec.Logs + "/pods", "/var/log/pods"},
	} {
		if err := makeDirs(link.from, link.to); err != nil {
			return err
		}
		if err := unix.Mount(link.from, link.to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("failed to bind %s to %s: %w", link.from, link.to, err)
		}
		if err := unix.Mount("", link.to, "", unix.MS_SHARED, ""); err != nil {
			return fmt.Errorf("failed to share mounts below %s: %w", link.to, err)
		}
	}
	return shadowTunables()
}

// cloneMount clones the mount at path, which then no longer needs its name.
func cloneMount(path string, flags uint) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|flags)
	if err != nil {
		return 0, fmt.Errorf("failed to clone the mount of %s: %w", path, err)
	}
	return fd, nil
}

// moveMount mounts a cloned mount at a path.
func moveMount(tree int, path string) error {
	defer unix.Close(tree)
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("failed to mount %s: %w", path, err)
	}
	return nil
}

// createFile creates an empty file and its parent directories.
func createFile(path string) error {
	if err := makeDirs(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return fmt.Errorf("failed to create %s: %w", path, err)
	}
	return nil
}

// makeDirs creates directories with their parents.
func makeDirs(paths ...string) error {
	for _, path := range paths {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("failed to create %s: %w", path, err)
		}
	}
	return nil
}
