package pki

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// Instance is what the certificates of one instance must name.
type Instance struct {
	Node     string
	NodeIP   net.IP
	APIIP    net.IP // the address of the Service `kubernetes`
	DNSNames []string
}

// complete is written last, so that a directory without it is made anew.
const complete = "complete"

// Ensure makes all certificates and keys in dir, unless they are there.
func Ensure(dir string, instance Instance) error {
	if _, err := os.Stat(filepath.Join(dir, complete)); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("failed to make %s: %w", dir, err)
	}
	if err := issueAll(dir, instance); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, complete), nil, 0o600); err != nil {
		return fmt.Errorf("failed to mark %s as complete: %w", dir, err)
	}
	return nil
}

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

// leaves maps the file name to its owner. Names and groups are those that Kubernetes has built-in roles for.
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

// ReaderGroup is the group of CoreDNS and the network policy engine, which read pods, namespaces, Services and policies.
const ReaderGroup = "smb-kube:readers"

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
