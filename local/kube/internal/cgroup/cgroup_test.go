package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

// A group is removed with all groups below it, and a missing group is not an error.
func TestRemoveTreeRemovesNestedGroups(t *testing.T) {
	group := filepath.Join(t.TempDir(), "smb-acme")
	if err := os.MkdirAll(filepath.Join(group, "kubepods", "burstable", "pod1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := removeTree(group); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(group); err == nil {
		t.Error("the group still exists")
	}
}
