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

// reaper starts processes and reaps those that have ended. The unit is process 1 of its namespace and therefore also the parent of the
// container runtime's orphans. Nothing else in this process may wait for a child.
type reaper struct {
	mu      sync.Mutex
	waiting map[int]chan syscall.WaitStatus
}

// newReaper returns a running reaper.
func newReaper() *reaper {
	r := &reaper{waiting: map[int]chan syscall.WaitStatus{}}
	go r.reap()
	return r
}

// start starts the program at path with the arguments argv. The channel receives its exit status.
func (r *reaper) start(path string, argv []string, output *os.File) (int, <-chan syscall.WaitStatus, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, nil, fmt.Errorf("failed to open %s: %w", os.DevNull, err)
	}
	defer null.Close()
	// The lock is held during the start, so that a process which ends at once is not reaped before it is registered.
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

// componentEnv is the environment of components.
var componentEnv = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}

// reap waits for children without end.
func (r *reaper) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.ECHILD):
			// There is no child, which only happens before the first start.
			time.Sleep(5 * time.Millisecond)
		case err == nil:
			r.notify(pid, status)
		}
	}
}

// notify sends the exit status of a process to its channel.
func (r *reaper) notify(pid int, status syscall.WaitStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if waiting, known := r.waiting[pid]; known {
		waiting <- status
		delete(r.waiting, pid)
	}
}

// describe returns a description of an exit status.
func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}
