package launch

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"smbcopilot.dev/local/kube/internal/spec"
)

// UnitCommand is the hidden subcommand of the unit. Its arguments are the spec as JSON and the timeout of the boot.
const UnitCommand = "unit"

// child is the started unit.
type child struct {
	process  *os.Process
	progress *os.File
}

// spawn starts the unit in new namespaces, with the host's listeners and a pipe for its progress.
func spawn(s spec.Spec, timeout time.Duration) (*child, error) {
	listeners, err := listen(s)
	if err != nil {
		return nil, err
	}
	defer closeAll(listeners)
	log, err := unitLog(s.State)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("failed to create a pipe: %w", err)
	}
	defer writer.Close()
	process, err := execute(s, timeout, log, append([]*os.File{writer}, listeners...))
	if err != nil {
		_ = reader.Close()
		return nil, err
	}
	return &child{process: process, progress: reader}, nil
}

// execute starts the process of the unit.
func execute(s spec.Spec, timeout time.Duration, log *os.File, extra []*os.File) (*os.Process, error) {
	argument, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("failed to encode the spec: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("failed to open %s: %w", os.DevNull, err)
	}
	defer null.Close()
	// The unit must not inherit open files of the caller, such as a pipe whose reader waits for its end.
	if err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, fmt.Errorf("failed to mark open files as close-on-exec: %w", err)
	}
	process, err := os.StartProcess("/proc/self/exe", []string{"smb-kube", UnitCommand, string(argument), timeout.String()}, &os.ProcAttr{
		Dir: "/", Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
		Files: append([]*os.File{null, log, log}, extra...),
		Sys: &syscall.SysProcAttr{
			Setsid:     true,
			Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("failed to start the unit: %w", err)
	}
	return process, nil
}

// listen opens the ports of the host's loopback interface: first that of the API server, then the forwards in order.
func listen(s spec.Spec) ([]*os.File, error) {
	ports := []int{s.KubePort}
	for _, forward := range s.Forwards {
		ports = append(ports, forward.HostPort)
	}
	var files []*os.File
	for _, port := range ports {
		file, err := listenOn(port)
		if err != nil {
			closeAll(files)
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// listenOn opens a port and returns the file of its listener.
func listenOn(port int) (*os.File, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("failed to listen on port %d: %w", port, err)
	}
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return nil, fmt.Errorf("failed to duplicate the listener on port %d: %w", port, err)
	}
	return file, nil
}

// unitLog opens the log of the unit.
func unitLog(state string) (*os.File, error) {
	path := filepath.Join(state, "logs", "unit.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("failed to create %s: %w", filepath.Dir(path), err)
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("failed to open %s: %w", path, err)
	}
	return log, nil
}

// closeAll closes files.
func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close()
	}
}
