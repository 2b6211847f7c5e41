package record

import (
	"testing"

	"smbcopilot.dev/local/kube/internal/spec"
)

// A process that has reused the PID of the unit is not considered to be the unit.
func TestOnlyTheRecordedProcessIsAlive(t *testing.T) {
	self, err := Self(spec.Spec{State: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if !self.Alive() {
		t.Fatal("this process is not considered to be alive")
	}
	for name, modify := range map[string]func(*Record){
		"another start time": func(r *Record) { r.StartTime++ },
		"another boot":       func(r *Record) { r.BootID = "another" },
		"a free PID":         func(r *Record) { r.PID = 1 << 30 },
	} {
		other := self
		modify(&other)
		if other.Alive() {
			t.Errorf("%s: considered to be the unit", name)
		}
	}
}

// A record that was written can be read, so that `down` and `up` find the unit of an earlier command.
func TestWrittenRecordCanBeRead(t *testing.T) {
	state := t.TempDir()
	if none, err := Read(state); none != nil || err != nil {
		t.Fatalf("an empty state directory returns %v, %v", none, err)
	}
	self, err := Self(spec.Spec{State: state, Instance: "dev", Mode: spec.Node, Forwards: []spec.Forward{{HostPort: 1, NodePort: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Write(); err != nil {
		t.Fatal(err)
	}
	read, err := Read(state)
	if err != nil || read.PID != self.PID || read.Spec.Instance != "dev" || len(read.Spec.Forwards) != 1 {
		t.Errorf("got %v, %v", read, err)
	}
}
