// Package spec says what an instance is, and where its things are: on the host, and inside its unit.
package spec

import (
	"fmt"
	"hash/fnv"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// Mode is how much of a cluster an instance runs.
type Mode string

const (
	// ControlPlane is etcd, API server and controller manager: no pod ever runs.
	ControlPlane Mode = "control-plane"
	// Node is a whole cluster of one node.
	Node Mode = "node"
)

// Forward leads a port of the host's loopback to a node port inside.
type Forward struct {
	HostPort int `json:"hostPort"`
	NodePort int `json:"nodePort"`
}

// ParseForward reads HOSTPORT=NODEPORT.
func ParseForward(value string) (Forward, error) {
	host, node, found := strings.Cut(value, "=")
	hostPort, hostErr := strconv.ParseUint(host, 10, 16)
	nodePort, nodeErr := strconv.ParseUint(node, 10, 16)
	if !found || hostErr != nil || nodeErr != nil {
		return Forward{}, fmt.Errorf("%q is not HOSTPORT=NODEPORT", value)
	}
	return Forward{HostPort: int(hostPort), NodePort: int(nodePort)}, nil
}

// Spec is all that the unit is told by its launcher.
type Spec struct {
	Instance   string    `json:"instance"`
	State      string    `json:"state"` // absolute, on the host
	Mode       Mode      `json:"mode"`
	KubePort   int       `json:"kubePort"`
	Forwards   []Forward `json:"forwards"`
	Audit      bool      `json:"audit"`
	CgroupRoot string    `json:"cgroupRoot"` // below the cgroup mount, e.g. /smb-dev-1a2b3c4d
}

var instanceName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Validate refuses what would fail much later, with a message that names the flag.
func (s Spec) Validate() error {
	if !instanceName.MatchString(s.Instance) {
		return fmt.Errorf("--instance %q must be 1 to 32 lower case letters, digits and hyphens", s.Instance)
	}
	if s.Mode != ControlPlane && s.Mode != Node {
		return fmt.Errorf("--mode %q must be %s or %s", s.Mode, ControlPlane, Node)
	}
	if s.KubePort < 1 || s.KubePort > 65535 {
		return fmt.Errorf("--kube-port %d must be from 1 to 65535", s.KubePort)
	}
	if s.Mode == ControlPlane && len(s.Forwards) > 0 {
		return fmt.Errorf("--forward needs --mode %s", Node)
	}
	return nil
}

// NodeName is the node's name, and the host name inside the unit.
func (s Spec) NodeName() string { return "smb-" + s.Instance }

// DefaultCgroupRoot tells instances apart that bear the same name in two checkouts.
func DefaultCgroupRoot(instance, state string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(state)) // never fails
	return fmt.Sprintf("/smb-%s-%08x", instance, hash.Sum32())
}

// Addresses inside the unit. They are the same in each, since no two units share a network.
var (
	NodeIP     = net.IPv4(10, 200, 0, 1)
	APIIP      = net.IPv4(10, 96, 0, 1)
	DNSIP      = net.IPv4(10, 96, 0, 10)
	APIPort    = 6443
	ServiceNet = "10.96.0.0/16"
	PodNet     = "10.244.0.0/16"
	QueueID    = 100
)
