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

const checkTimeout = time.Second

// The components' health endpoints have certificates that they sign themselves; they are asked over the loopback.
var insecure = &http.Client{
	Timeout:   checkTimeout,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
}

func etcdReady() error { return get(etcdURL + "/health") }

// healthy asks a component that serves HTTPS on the port.
func healthy(component string, port int) check {
	return func() error {
		if err := get("https://127.0.0.1:" + strconv.Itoa(port) + "/healthz"); err != nil {
			return fmt.Errorf("%s: %w", component, err)
		}
		return nil
	}
}

func get(url string) error {
	response, err := insecure.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

func socketReady(path string) check {
	return func() error {
		connection, err := net.DialTimeout("unix", path, checkTimeout)
		if err != nil {
			return err
		}
		return connection.Close()
	}
}

// queueBound sees whether the network policy engine listens on its queue. Until then no pod's connection passes.
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
	return errors.New("nobody listens on the queue")
}

// dnsReady resolves a Service through the address that pods use.
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
