package unit

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"smbcopilot.dev/local/kube/internal/spec"
)

// firstListener is the file descriptor of the API server's listener. The listeners of the forwards follow in order. The launcher has opened
// them in the host's network namespace, in which they stay.
const firstListener = 4

// dialTimeout bounds connections to peers inside the unit, which respond within microseconds.
const dialTimeout = 5 * time.Second

// forwardAll forwards the connections of the host's listeners.
func forwardAll(s spec.Spec) error {
	targets := []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(spec.APIPort))}
	for _, forward := range s.Forwards {
		targets = append(targets, net.JoinHostPort(spec.NodeIP.String(), strconv.Itoa(forward.NodePort)))
	}
	for i, target := range targets {
		file := os.NewFile(uintptr(firstListener+i), "listener")
		listener, err := net.FileListener(file)
		_ = file.Close() // FileListener has its own copy
		if err != nil {
			return fmt.Errorf("failed to take over the listener for %s: %w", target, err)
		}
		go forward(listener, target)
	}
	return nil
}

// forward accepts the connections of a listener.
func forward(listener net.Listener, target string) {
	for {
		outside, err := listener.Accept()
		if err != nil {
			fmt.Fprintf(os.Stderr, "failed to accept a connection for %s: %v\n", target, err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go join(outside, target)
	}
}

// join connects to the target and copies both directions.
func join(outside net.Conn, target string) {
	defer outside.Close()
	inside, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		return
	}
	defer inside.Close()
	var both sync.WaitGroup
	both.Go(func() { pump(inside, outside) })
	both.Go(func() { pump(outside, inside) })
	both.Wait()
}

// pump copies one direction and closes it at its end, so that half-closed connections work.
func pump(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if err != nil {
		_ = to.Close()
		_ = from.Close()
		return
	}
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
}
