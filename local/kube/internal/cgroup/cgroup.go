// Package cgroup creates and removes the control groups of an instance, with cgroup v1 and v2.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mountPoint is the directory of the cgroup file systems.
const mountPoint = "/sys/fs/cgroup"

// Create creates the group in each hierarchy.
func Create(group string) error {
	if unified() {
		if err := delegate(mountPoint); err != nil {
			return err
		}
	}
	for _, hierarchy := range hierarchies() {
		path := filepath.Join(hierarchy, group)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("failed to create cgroup %s: %w", path, err)
		}
		if filepath.Base(hierarchy) == "cpuset" && !unified() {
			if err := inheritCPUSet(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// Remove removes the group and all groups below it. It retries until the timeout, since a process that was just killed may still be in its
// group for a moment.
func Remove(group string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		err := removeOnce(group)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// List returns the top-level groups of all hierarchies whose names begin with the prefix, for example /smb-dev-1a2b3c4d.
func List(prefix string) []string {
	var found []string
	for _, hierarchy := range hierarchies() {
		entries, _ := os.ReadDir(hierarchy) // a hierarchy that cannot be read has no group of an instance
		for _, entry := range entries {
			if entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) {
				found = append(found, "/"+entry.Name())
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// removeOnce removes the group from all hierarchies, without retries.
func removeOnce(group string) error {
	var failed error
	for _, hierarchy := range hierarchies() {
		failed = errors.Join(failed, removeTree(filepath.Join(hierarchy, group)))
	}
	return failed
}

// removeTree removes a group and its children. Only directories are removed; the kernel removes the files.
func removeTree(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("failed to read cgroup %s: %w", path, err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(path, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("failed to remove cgroup %s: %w", path, err)
	}
	return nil
}

// unified returns whether the host has only cgroup v2.
func unified() bool {
	var stat unix.Statfs_t
	return unix.Statfs(mountPoint, &stat) == nil && stat.Type == unix.CGROUP2_SUPER_MAGIC
}

// hierarchies returns the mounted hierarchies: one with v2, and one per controller with v1. Links such as cpu to cpu,cpuacct are omitted.
func hierarchies() []string {
	if unified() {
		return []string{mountPoint}
	}
	entries, err := os.ReadDir(mountPoint)
	if err != nil {
		return nil
	}
	var found []string
	for _, entry := range entries {
		if entry.IsDir() {
			found = append(found, filepath.Join(mountPoint, entry.Name()))
		}
	}
	return found
}

// needed has the controllers that the kubelet and runc use. A host may lack hugetlb.
var needed = []string{"cpu", "cpuset", "hugetlb", "io", "memory", "pids"}

// delegate enables the needed controllers for the groups below path.
func delegate(path string) error {
	available, err := os.ReadFile(filepath.Join(path, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("failed to read the controllers of %s: %w", path, err)
	}
	for controller := range strings.FieldsSeq(string(available)) {
		if !slices.Contains(needed, controller) {
			continue
		}
		control := filepath.Join(path, "cgroup.subtree_control")
		if err := os.WriteFile(control, []byte("+"+controller), 0o600); err != nil {
			return fmt.Errorf("failed to delegate cgroup controller %s in %s: %w", controller, path, err)
		}
	}
	return nil
}

// inheritCPUSet copies the CPU set of the parent. With v1 it is empty in a new group, which could then not have any process.
func inheritCPUSet(path string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(path), file))
		if err != nil {
			return fmt.Errorf("failed to read %s of the parent of %s: %w", file, path, err)
		}
		if err := os.WriteFile(filepath.Join(path, file), value, 0o600); err != nil {
			return fmt.Errorf("failed to set %s of %s: %w", file, path, err)
		}
	}
	return nil
}
