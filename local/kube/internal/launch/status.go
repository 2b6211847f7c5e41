package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"smbcopilot.dev/local/kube/internal/record"
	"smbcopilot.dev/local/kube/internal/spec"
	"smbcopilot.dev/local/kube/internal/unit"
)

// Report is the output of `smb-kube status`.
type Report struct {
	Running    bool                 `json:"running"`
	Ready      bool                 `json:"ready"`
	Failure    string               `json:"failure,omitempty"`
	Instance   string               `json:"instance,omitempty"`
	Mode       spec.Mode            `json:"mode,omitempty"`
	PID        int                  `json:"pid,omitempty"`
	KubePort   int                  `json:"kubePort,omitempty"`
	Forwards   []spec.Forward       `json:"forwards,omitempty"`
	Kubeconfig string               `json:"kubeconfig,omitempty"`
	Components map[string]Component `json:"components,omitempty"`
}

// Component is the state of a component, with its PID on the host.
type Component struct {
	PID      int    `json:"pid"`
	Alive    bool   `json:"alive"`
	Restarts int    `json:"restarts"`
	LastEnd  string `json:"lastEnd,omitempty"`
}

// Status returns the state of the instance with this state directory. The report is empty if there is no instance.
func Status(state string) (Report, error) {
	last, err := record.Read(state)
	if err != nil || last == nil {
		return Report{}, err
	}
	inside, err := readStatus(state)
	if err != nil {
		return Report{}, err
	}
	report := Report{
		Running: last.Alive(), Failure: inside.Failure, Instance: last.Spec.Instance, Mode: last.Spec.Mode,
		PID: last.PID, KubePort: last.Spec.KubePort, Forwards: last.Spec.Forwards, Kubeconfig: filepath.Join(state, "kubeconfig"),
		Components: map[string]Component{},
	}
	hostPIDs := map[int]int{}
	if report.Running {
		hostPIDs = children(last.PID)
		report.Ready = Healthy(*last)
	}
	for name, component := range inside.Components {
		pid, alive := hostPIDs[component.PID]
		report.Components[name] = Component{PID: pid, Alive: alive, Restarts: component.Restarts, LastEnd: component.LastEnd}
	}
	return report, nil
}

// readStatus reads the status file of the unit.
func readStatus(state string) (unit.Status, error) {
	path := filepath.Join(state, spec.StatusFile)
	var status unit.Status
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return status, nil
	}
	if err != nil {
		return status, fmt.Errorf("failed to read %s: %w", path, err)
	}
	if err := json.Unmarshal(data, &status); err != nil {
		return status, fmt.Errorf("failed to parse %s: %w", path, err)
	}
	return status, nil
}

// children maps the PIDs inside the unit of the children of its first process to their PIDs on the host.
func children(pid int) map[int]int {
	found := map[int]int{}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is valid
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(data)) {
			if inside, ok := insidePID(field); ok {
				outside, _ := strconv.Atoi(field) // the kernel writes only numbers
				found[inside] = outside
			}
		}
	}
	return found
}

// insidePID returns the PID of a process in its own namespace, which is the last number of the line NSpid.
func insidePID(pid string) (int, bool) {
	data, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == "NSpid:" {
			inside, err := strconv.Atoi(fields[len(fields)-1])
			return inside, err == nil
		}
	}
	return 0, false
}
