package launch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"smbcopilot.dev/local/kube/internal/cgroup"
	"smbcopilot.dev/local/kube/internal/record"
	"smbcopilot.dev/local/kube/internal/spec"
)

// endOrphans ends units whose state directory does not know them: it was removed, as with a checkout, while they ran. They would hold
// ports and control groups for ever. The caller holds the lock of its own state directory, and has ended the unit that is recorded there.
func endOrphans(ours string) error {
	groups := cgroup.List("smb-")
	var owned []string
	for _, unit := range units() {
		if unit.Spec.State != ours && owns(unit) {
			owned = append(owned, unit.Spec.CgroupRoot)
			continue
		}
		if err := end(&unit); err != nil {
			return err
		}
	}
	// Listed before the units: a group made in between is not in the list, and one without a unit has none to come.
	for _, group := range groups {
		if !slices.Contains(owned, group) {
			_ = cgroup.Remove(group, 0) // what cannot be removed is in use, and then it is not ours
		}
	}
	return nil
}

// owns says whether the unit's state directory knows it, or may be about to: a launcher that works there holds its lock.
func owns(unit record.Record) bool {
	known, err := record.Read(unit.Spec.State)
	if err != nil || (known != nil && known.PID == unit.PID) {
		return true
	}
	return locked(unit.Spec.State)
}

// units finds the first processes of all units on this host.
func units() []record.Record {
	entries, _ := os.ReadDir("/proc") // without /proc nothing here works
	var found []record.Record
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if unit, ok := asUnit(pid); ok {
			found = append(found, unit)
		}
	}
	return found
}

// asUnit recognises the command line that spawn gives to the first process of a unit, which is process 1 of its own namespace.
func asUnit(pid int) (record.Record, bool) {
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	arguments := strings.Split(string(line), "\x00")
	if err != nil || len(arguments) < 3 || arguments[0] != "smb-kube" || arguments[1] != UnitCommand {
		return record.Record{}, false
	}
	var s spec.Spec
	if json.Unmarshal([]byte(arguments[2]), &s) != nil || s.Validate() != nil {
		return record.Record{}, false
	}
	if inside, ok := insidePID(strconv.Itoa(pid)); !ok || inside != 1 {
		return record.Record{}, false
	}
	unit, err := record.Of(pid, s)
	return unit, err == nil
}
