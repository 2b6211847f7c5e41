package unit

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reaper starts processes and collects the ended ones. The unit is process 1 of its namespace, so orphans of the container runtime come
// to it as well, and nothing else in this process may wait for a child.
type reaper struct {
	mu      sync.Mutex
	waiting map[int]chan syscall.WaitStatus
}

func newReaper() *reaper {
	r := &reaper{waiting: map[int]chan syscall.WaitStatus{}}
	go r.collect()
	return r
}

// start runs argv[1:] of the program at path; the channel gives how it ended.
func (r *reaper) start(path string, argv []string, output *os.File) (int, <-chan syscall.WaitStatus, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, nil, fmt.Errorf("failed to open %s: %w", os.DevNull, err)
	}
	defer null.Close()
	// Held over the start: a process that ends at once must not be collected before it is known.
	r.mu.Lock()
	defer r.mu.Unlock()
	process, err := os.StartProcess(path, argv, &os.ProcAttr{
		Dir: "/", Env: componentEnv, Files: []*os.File{null, output, output}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, nil, fmt.Errorf("failed to start %s: %w", argv[0], err)
	}
	ended := make(chan syscall.WaitStatus, 1)
	r.waiting[process.Pid] = ended
	return process.Pid, ended, nil
}

var componentEnv = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}

func (r *reaper) collect() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.ECHILD):
			// No child at all: only before the first start.
			time.Sleep(5 * time.Millisecond)
		case err == nil:
			r.ended(pid, status)
		}
	}
}

func (r *reaper) ended(pid int, status syscall.WaitStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if waiting, known := r.waiting[pid]; known {
		waiting <- status
		delete(r.waiting, pid)
	}
}

// describe says how a process ended.
func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}
