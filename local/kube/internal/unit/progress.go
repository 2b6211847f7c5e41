package unit

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// progressFD is the launcher's pipe. The launcher may be gone: then nobody reads, and writing fails harmlessly.
const progressFD = 3

// Progress is one line to the launcher.
type Progress struct {
	Component string        `json:"component"`
	State     string        `json:"state"`
	Elapsed   time.Duration `json:"elapsed"`
	Failure   string        `json:"failure,omitempty"`
	Done      bool          `json:"done,omitempty"`
}

type progress struct {
	pipe  *os.File
	began time.Time
}

func newProgress() *progress {
	return &progress{pipe: os.NewFile(progressFD, "progress"), began: time.Now()}
}

func (p *progress) ready(component string) { p.send(Progress{Component: component, State: "ready"}) }

func (p *progress) done() { p.send(Progress{Component: "unit", State: "ready", Done: true}) }

func (p *progress) failed(component string, err error) {
	p.send(Progress{Component: component, State: "failed", Failure: err.Error()})
}

func (p *progress) send(line Progress) {
	line.Elapsed = time.Since(p.began)
	data, _ := json.Marshal(line) // plain strings and numbers always encode
	fmt.Printf("%s %s %.1fs %s\n", line.Component, line.State, line.Elapsed.Seconds(), line.Failure)
	_, _ = p.pipe.Write(append(data, '\n'))
}
