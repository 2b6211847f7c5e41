// Package spec defines the parameters of an instance, and its paths and addresses on the host and inside its unit.
package spec

import (
	"fmt"
	"hash/fnv"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// Mode selects the components that an instance runs.
type Mode string

const (
	// ControlPlane runs etcd, API server and controller manager, but no pods.
	ControlPlane Mode = "control-plane"
	// Node runs a complete cluster with one node.
	Node Mode = "node"
)

// Forward forwards a port of the host's loopback interface to a node port inside the unit.
type Forward struct {
	HostPort int `json:"hostPort"`
	NodePort int `json:"nodePort"`
}

// ParseForward parses HOSTPORT=NODEPORT.
func ParseForward(value string) (Forward, error) {
	host, node, found := strings.Cut(value, "=")
	hostPort, hostErr := strconv.ParseUint(host, 10, 16)
	nodePort, nodeErr := strconv.ParseUint(node, 10, 16)
	if !found || hostErr != nil || nodeErr != nil {
		return Forward{}, fmt.Errorf("%q must have the form HOSTPORT=NODEPORT", value)
	}
	return Forward{HostPort: int(hostPort), NodePort: int(nodePort)}, nil
}

// Spec has the parameters that the launcher passes to the unit.
type Spec struct {
	Instance   string    `json:"instance"`
	State      string    `json:"state"` // absolute, on the host
	Mode       Mode      `json:"mode"`
	KubePort   int       `json:"kubePort"`
	Forwards   []Forward `json:"forwards"`
	Audit      bool      `json:"audit"`
	CgroupRoot string    `json:"cgroupRoot"` // relative to the cgroup mount, for example /smb-dev-1a2b3c4d
}

var instanceName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Validate returns an error that names the flag for values that would otherwise cause a failure much later.
func (s Spec) Validate() error {
	if !instanceName.MatchString(s.Instance) {
		return fmt.Errorf("--instance %q must consist of 1 to 32 lower-case letters, digits and hyphens", s.Instance)
	}
	if s.Mode != ControlPlane && s.Mode != Node {
		return fmt.Errorf("--mode must be %[2]s or %[3]s, not %[1]q", s.Mode, ControlPlane, Node)
	}
	if s.KubePort < 1 || s.KubePort > 65535 {
		return fmt.Errorf("--kube-port must be between 1 and 65535, not %d", s.KubePort)
	}
	if s.Mode == ControlPlane && len(s.Forwards) > 0 {
		return fmt.Errorf("--forward requires --mode %s", Node)
	}
	return nil
}

// NodeName returns the name of the node, which is also the host name inside the unit.
func (s Spec) NodeName() string { return "smb-" + s.Instance }

// DefaultCgroupRoot returns a control group that differs for instances with the same name in two checkouts.
func DefaultCgroupRoot(instance, state string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(state)) // never fails
	return fmt.Sprintf("/smb-%s-%08x", instance, hash.Sum32())
}

// Addresses inside the unit. They are the same in every unit, since units do not share a network.
var (
	NodeIP     = net.IPv4(10, 200, 0, 1)
	APIIP      = net.IPv4(10, 96, 0, 1)
	DNSIP      = net.IPv4(10, 96, 0, 10)
	APIPort    = 6443
	ServiceNet = "10.96.0.0/16"
	PodNet     = "10.244.0.0/16"
	QueueID    = 100
)
