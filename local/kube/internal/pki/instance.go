package pki

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// Instance has the names and addresses for the certificates of an instance.
type Instance struct {
	Node     string
	NodeIP   net.IP
	APIIP    net.IP // address of the Service `kubernetes`
	DNSNames []string
}

// complete is the file that is written last. A directory without it is written again.
const complete = "complete"

// Ensure creates all certificates and keys in dir unless they exist.
func Ensure(dir string, instance Instance) error {
	if _, err := os.Stat(filepath.Join(dir, complete)); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("failed to create %s: %w", dir, err)
	}
	if err := issueAll(dir, instance); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, complete), nil, 0o600); err != nil {
		return fmt.Errorf("failed to mark %s as complete: %w", dir, err)
	}
	return nil
}

// issueAll creates all certificates and keys.
func issueAll(dir string, instance Instance) error {
	cluster, err := NewAuthority(dir, "ca")
	if err != nil {
		return err
	}
	for file, leaf := range leaves(instance) {
		if err := cluster.Issue(file, leaf); err != nil {
			return err
		}
	}
	frontProxy, err := NewAuthority(dir, "front-proxy-ca")
	if err != nil {
		return err
	}
	if err := frontProxy.Issue("front-proxy", Leaf{Name: "front-proxy-client"}); err != nil {
		return err
	}
	return writeServiceAccountKey(dir)
}

// leaves returns the subjects of the certificates by file name. The names and groups are those of the built-in roles of Kubernetes.
func leaves(instance Instance) map[string]Leaf {
	loopback := net.IPv4(127, 0, 0, 1)
	return map[string]Leaf{
		"apiserver": {
			Name: "kube-apiserver", Hosts: append([]string{"localhost"}, instance.DNSNames...),
			IPs: []net.IP{loopback, instance.NodeIP, instance.APIIP},
		},
		"apiserver-kubelet":  {Name: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}},
		"kubelet-server":     {Name: instance.Node, Hosts: []string{instance.Node}, IPs: []net.IP{loopback, instance.NodeIP}},
		"admin":              {Name: "smb-kube-admin", Groups: []string{"system:masters"}},
		"controller-manager": {Name: "system:kube-controller-manager"},
		"scheduler":          {Name: "system:kube-scheduler"},
		"proxy":              {Name: "system:kube-proxy"},
		"kubelet":            {Name: "system:node:" + instance.Node, Groups: []string{"system:nodes"}},
		"reader":             {Name: "smb-kube-reader", Groups: []string{ReaderGroup}},
	}
}

// ReaderGroup is the group of CoreDNS and the network policy engine, which read pods, namespaces, Services and network policies.
const ReaderGroup = "smb-kube:readers"

// writeServiceAccountKey writes the key pair that signs service account tokens.
func writeServiceAccountKey(dir string) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("failed to encode the service account key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("failed to encode the public service account key: %w", err)
	}
	if err := writePEM(filepath.Join(dir, "service-account.key"), "EC PRIVATE KEY", private); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, "service-account.pub"), "PUBLIC KEY", public)
}
