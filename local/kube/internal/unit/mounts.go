package unit

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"smbcopilot.dev/local/kube/internal/spec"
)

// mountAll gives the unit its own /proc, /run, /tmp and /var, with the state directory at spec.Home. The host sees none of it.
func mountAll(s spec.Spec) error {
	// Nothing that is mounted from here on may reach the host, whatever propagation the host uses.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("failed to make mounts private: %w", err)
	}
	// Taken before anything is covered: both may lie below /run, /tmp or /var.
	home, err := detach(s.State, unix.AT_RECURSIVE)
	if err != nil {
		return err
	}
	// By its path: the mount that /proc/self/exe leads to is that of the launcher's namespace.
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("failed to find this program: %w", err)
	}
	binary, err := detach(program, 0)
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
	if err := attach(home, spec.Home); err != nil {
		return err
	}
	if err := touch(spec.Binary); err != nil {
		return err
	}
	if err := attach(binary, spec.Binary); err != nil {
		return err
	}
	return linkState(s)
}

// coverHost mounts empty file systems over the host's directories that components write to by fixed paths.
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

// linkState puts the parts of the state directory where the kubelet expects them, and lets mounts below it reach containers.
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

// detach clones the mount at path, which then no longer needs its name.
func detach(path string, flags uint) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|flags)
	if err != nil {
		return 0, fmt.Errorf("failed to take hold of %s: %w", path, err)
	}
	return fd, nil
}

func attach(tree int, path string) error {
	defer unix.Close(tree)
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("failed to mount %s: %w", path, err)
	}
	return nil
}

func touch(path string) error {
	if err := makeDirs(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return fmt.Errorf("failed to make %s: %w", path, err)
	}
	return nil
}

func makeDirs(paths ...string) error {
	for _, path := range paths {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("failed to make %s: %w", path, err)
		}
	}
	return nil
}
