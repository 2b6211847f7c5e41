package pki

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// WriteKubeconfig writes a kubeconfig with the named credential of dir. The credential is inline, so that the file can be copied.
func WriteKubeconfig(dir, name, server, context, path string) error {
	read := func(file string) []byte {
		data, _ := os.ReadFile(filepath.Join(dir, file)) // the check below detects a missing file
		return data
	}
	ca, cert, key := read("ca.crt"), read(name+".crt"), read(name+".key")
	if len(ca) == 0 || len(cert) == 0 || len(key) == 0 {
		return fmt.Errorf("failed to read the credential %s in %s", name, dir)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[context] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[context] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts[context] = &clientcmdapi.Context{Cluster: context, AuthInfo: context}
	config.CurrentContext = context
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("failed to write kubeconfig %s: %w", path, err)
	}
	return nil
}
