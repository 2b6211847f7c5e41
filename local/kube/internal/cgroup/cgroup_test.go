package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

// `down` removes a group with all that the kubelet made below it, and is content when there is none.
func TestRemoveTree(t *testing.T) {
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
		t.Error("the group is still there")
	}
}
