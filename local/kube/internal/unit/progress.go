package unit

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// progressFD is the pipe to the launcher. If the launcher has exited, writes fail without consequences.
const progressFD = 3

// Progress is a message to the launcher.
type Progress struct {
	Component string        `json:"component"`
	State     string        `json:"state"`
	Elapsed   time.Duration `json:"elapsed"`
	Failure   string        `json:"failure,omitempty"`
	Done      bool          `json:"done,omitempty"`
}

// progress reports the progress of the boot.
type progress struct {
	pipe  *os.File
	start time.Time
}

// newProgress returns a progress that starts now.
func newProgress() *progress {
	return &progress{pipe: os.NewFile(progressFD, "progress"), start: time.Now()}
}

// ready reports that a component is ready.
func (p *progress) ready(component string) { p.send(Progress{Component: component, State: "ready"}) }

// done reports that the instance is ready.
func (p *progress) done() { p.send(Progress{Component: "unit", State: "ready", Done: true}) }

// failed reports a failure.
func (p *progress) failed(component string, err error) {
	p.send(Progress{Component: component, State: "failed", Failure: err.Error()})
}

// send writes a message to the launcher and to the log of the unit.
func (p *progress) send(message Progress) {
	message.Elapsed = time.Since(p.start)
	data, _ := json.Marshal(message) // plain strings and numbers always encode
	fmt.Printf("%s %s %.1fs %s\n", message.Component, message.State, message.Elapsed.Seconds(), message.Failure)
	_, _ = p.pipe.Write(append(data, '\n'))
}
