package unit

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// Every end of a process is reported, even if it ends at once.
func TestReaperReportsEveryEnd(t *testing.T) {
	r := newReaper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		_, ended, err := r.start("/bin/sh", []string{"sh", "-c", "exit 3"}, null)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case status := <-ended:
			if describe(status) != "exit code 3" {
				t.Fatalf("got %s", describe(status))
			}
		case <-time.After(10 * time.Second):
			t.Fatal("an end was not reported")
		}
	}
}

// The description of a killed process has the name of the signal.
func TestDescribeNamesTheSignal(t *testing.T) {
	if got := describe(syscall.WaitStatus(syscall.SIGKILL)); got != "killed by SIGKILL" {
		t.Errorf("got %q", got)
	}
}
