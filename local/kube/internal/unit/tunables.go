package unit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tunables are the kernel settings that the kubelet would change on the whole host, with the values that it wants to see.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// shadowTunables lets the kubelet find what it wants in files of the unit's own, so that nothing is changed that would outlive the unit.
func shadowTunables() error {
	for name, value := range tunables {
		setting := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(setting); err != nil {
			continue
		}
		shadow := filepath.Join("/run/smb-tunables", strings.ReplaceAll(name, "/", "."))
		if err := touch(shadow); err != nil {
			return err
		}
		if err := os.WriteFile(shadow, []byte(value+"\n"), 0o600); err != nil {
			return fmt.Errorf("failed to write %s: %w", shadow, err)
		}
		if err := unix.Mount(shadow, setting, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("failed to shadow %s: %w", setting, err)
		}
	}
	return nil
}
