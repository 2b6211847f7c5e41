package unit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tunables has the kernel settings that the kubelet would change on the host, with the values that it requires.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// shadowTunables mounts files with the required values over the kernel settings, so that the kubelet does not change those of the host.
func shadowTunables() error {
	for name, value := range tunables {
		setting := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(setting); err != nil {
			continue
		}
		shadow := filepath.Join("/run/smb-tunables", strings.ReplaceAll(name, "/", "."))
		if err := createFile(shadow); err != nil {
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
