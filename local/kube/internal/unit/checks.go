package unit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"smbcopilot.dev/local/kube/internal/spec"
)

// checkTimeout bounds one check.
const checkTimeout = time.Second

// insecure accepts the self-signed certificates of the components' health endpoints, which are on the loopback interface.
var insecure = &http.Client{
	Timeout:   checkTimeout,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
}

// etcdReady returns nil if etcd is healthy.
func etcdReady() error { return get(etcdURL + "/health") }

// healthy checks the health endpoint of a component, which serves HTTPS on the port.
func healthy(component string, port int) check {
	return func() error {
		if err := get("https://127.0.0.1:" + strconv.Itoa(port) + "/healthz"); err != nil {
			return fmt.Errorf("%s: %w", component, err)
		}
		return nil
	}
}

// get returns an error unless the URL responds with status 200.
func get(url string) error {
	response, err := insecure.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s returned status %s", url, response.Status)
	}
	return nil
}

// socketReady checks that a Unix socket accepts connections.
func socketReady(path string) check {
	return func() error {
		connection, err := net.DialTimeout("unix", path, checkTimeout)
		if err != nil {
			return err
		}
		return connection.Close()
	}
}

// queueBound returns nil if the network policy engine is bound to its netfilter queue. Until then, no connection of a pod is accepted.
func queueBound() error {
	table, err := os.ReadFile("/proc/net/netfilter/nfnetlink_queue")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == strconv.Itoa(spec.QueueID) {
			return nil
		}
	}
	return errors.New("no process is bound to the netfilter queue")
}

// dnsReady returns nil if the cluster DNS resolves a Service at the address that pods use.
func dnsReady() error {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort(spec.DNSIP.String(), "53"))
	}}
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	addresses, err := resolver.LookupHost(ctx, "kubernetes.default.svc.cluster.local.")
	if err != nil {
		return err
	}
	if len(addresses) != 1 || addresses[0] != spec.APIIP.String() {
		return fmt.Errorf("the Service kubernetes resolves to %v", addresses)
	}
	return nil
}
