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

// Report is what `status` prints.
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

// Component is one of them; its PID is the host's.
type Component struct {
	PID      int    `json:"pid"`
	Alive    bool   `json:"alive"`
	Restarts int    `json:"restarts"`
	LastEnd  string `json:"lastEnd,omitempty"`
}

// Status describes the instance of a state directory; no instance is a report as well.
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

// children maps the PIDs that the children of the unit's first process have inside to those that they have outside.
func children(pid int) map[int]int {
	found := map[int]int{}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well formed
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(data)) {
			if inside, ok := insidePID(field); ok {
				outside, _ := strconv.Atoi(field) // the kernel wrote it
				found[inside] = outside
			}
		}
	}
	return found
}

// insidePID is the last number of the line NSpid.
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
