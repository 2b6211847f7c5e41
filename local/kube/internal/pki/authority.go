// Package pki creates the certificates and keys of an instance. They are created once and stored in its state directory.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime is much longer than that of any local cluster. `down --purge` and `up` renew the certificates.
const lifetime = 10 * 365 * 24 * time.Hour

// Authority is a certificate authority that writes certificates into one directory.
type Authority struct {
	dir  string
	name string
	cert *x509.Certificate
	key  crypto.Signer
}

// Leaf is the subject of a certificate. With hosts or IPs, the certificate is also valid for a server.
type Leaf struct {
	Name   string
	Groups []string
	Hosts  []string
	IPs    []net.IP
}

// NewAuthority creates a self-signed authority and writes <name>.crt and <name>.key.
func NewAuthority(dir, name string) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := template(pkix.Name{CommonName: "smb-kube " + name})
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("failed to sign authority %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("failed to parse the certificate of authority %s: %w", name, err)
	}
	return &Authority{dir: dir, name: name, cert: cert, key: key}, writePair(dir, name, der, key)
}

// Issue creates a certificate for a client or server and writes <file>.crt and <file>.key.
func (a *Authority) Issue(file string, leaf Leaf) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	template := template(pkix.Name{CommonName: leaf.Name, Organization: leaf.Groups})
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(leaf.Hosts)+len(leaf.IPs) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	template.DNSNames, template.IPAddresses = leaf.Hosts, leaf.IPs
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return fmt.Errorf("failed to sign certificate %s: %w", file, err)
	}
	return writePair(a.dir, file, der, key)
}

// newKey generates a private key.
func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("failed to generate a key: %w", err)
	}
	return key, nil
}

// template returns a certificate that is valid from now.
func template(subject pkix.Name) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // the kernel's random source does not fail
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: subject,
		// One hour in the past, for clocks that are set back.
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime),
	}
}

// writePair writes a certificate and its key.
func writePair(dir, name string, der []byte, key *ecdsa.PrivateKey) error {
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("failed to encode key %s: %w", name, err)
	}
	if err := writePEM(filepath.Join(dir, name+".crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, name+".key"), "PRIVATE KEY", keyDER)
}

// writePEM writes a PEM file.
func writePEM(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("failed to write %s: %w", path, err)
	}
	return nil
}
