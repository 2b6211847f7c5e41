package unit

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"smbcopilot.dev/local/kube/internal/spec"
)

// setUpNetwork adds the node's address and routes. The unit's network namespace is empty before, and has no connection to the outside.
func setUpNetwork(s spec.Spec) error {
	if err := unix.Sethostname([]byte(s.NodeName())); err != nil {
		return fmt.Errorf("failed to set the host name: %w", err)
	}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("failed to find the loopback interface: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("failed to bring the loopback interface up: %w", err)
	}
	// The node's address does not need an interface of its own.
	address := &netlink.Addr{IPNet: netlink.NewIPNet(spec.NodeIP), Scope: unix.RT_SCOPE_UNIVERSE}
	if err := netlink.AddrAdd(loopback, address); err != nil {
		return fmt.Errorf("failed to add the node's address %s: %w", spec.NodeIP, err)
	}
	if err := routeServices(loopback); err != nil {
		return err
	}
	if s.Mode == spec.ControlPlane {
		return nil
	}
	return setUpForwarding()
}

// routeServices adds a route to Services for processes of the node. The kernel looks up the route before the address is translated, and a
// connection without a route would fail.
func routeServices(loopback netlink.Link) error {
	_, services, err := net.ParseCIDR(spec.ServiceNet)
	if err != nil {
		return fmt.Errorf("failed to parse %s: %w", spec.ServiceNet, err)
	}
	route := &netlink.Route{LinkIndex: loopback.Attrs().Index, Dst: services, Src: spec.NodeIP, Scope: netlink.SCOPE_LINK}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("failed to add a route to %s: %w", services, err)
	}
	return nil
}

// setUpForwarding enables forwarding and adds the rules of the network policy engine.
func setUpForwarding() error {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1\n"), 0o600); err != nil {
		return fmt.Errorf("failed to enable forwarding: %w", err)
	}
	for _, rule := range queueRules() {
		if output, err := exec.Command("iptables", strings.Fields(rule)...).CombinedOutput(); err != nil {
			return fmt.Errorf("failed to add rule %q: %w: %s", rule, err, output)
		}
	}
	return nil
}

// queueRules returns the rules that pass the first packet of each connection of a pod to the network policy engine.
//
// They are in the table mangle, since a verdict skips the rest of its table, and kube-proxy rejects connections to Services without endpoints
// in the table filter. They do not have --queue-bypass, so that pods cannot open connections while the engine is down.
func queueRules() []string {
	queue := " -m conntrack --ctstate NEW -j NFQUEUE --queue-num " + strconv.Itoa(spec.QueueID)
	return []string{
		"-w -t mangle -A FORWARD" + queue,
		// Traffic from a pod to the node's own address does not pass the chain FORWARD.
		"-w -t mangle -A INPUT -s " + spec.PodNet + queue,
	}
}
