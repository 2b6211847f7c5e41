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

// endOrphans ends units that are not recorded in their state directory, because it was removed while they ran, for example with a checkout.
// They would use ports and control groups forever. The caller holds the lock of its own state directory and has ended the unit recorded there.
func endOrphans(own string) error {
	groups := cgroup.List("smb-")
	var owned []string
	for _, unit := range units() {
		if unit.Spec.State != own && isOwned(unit) {
			owned = append(owned, unit.Spec.CgroupRoot)
			continue
		}
		if err := end(&unit); err != nil {
			return err
		}
	}
	// The groups were listed before the units. A group that was created in between is not in the list, and a listed group without a unit
	// is an orphan.
	for _, group := range groups {
		if !slices.Contains(owned, group) {
			_ = cgroup.Remove(group, 0) // a group that cannot be removed is in use by something else
		}
	}
	return nil
}

// isOwned returns whether the unit is recorded in its state directory, or may be recorded soon because a launcher holds the lock.
func isOwned(unit record.Record) bool {
	known, err := record.Read(unit.Spec.State)
	if err != nil || (known != nil && known.PID == unit.PID) {
		return true
	}
	return locked(unit.Spec.State)
}

// units returns the records of all units on this host.
func units() []record.Record {
	entries, _ := os.ReadDir("/proc") // nothing works without /proc
	var found []record.Record
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if unit, ok := parseUnit(pid); ok {
			found = append(found, unit)
		}
	}
	return found
}

// parseUnit returns the record of a process if it is the first process of a unit: it has the command line from spawn and is process 1 of its
// namespace.
func parseUnit(pid int) (record.Record, bool) {
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
	unit, err := record.OfProcess(pid, s)
	return unit, err == nil
}
