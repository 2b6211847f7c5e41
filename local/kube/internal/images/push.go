package images

import (
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
)

// Push copies the image of an OCI layout to a registry as <registry>/<name>:<tag>. A registry on the loopback interface may use plain
// HTTP, as with Docker and containerd.
func Push(dir, registry, tag string, tlsVerify bool) error {
	target := registry + "/" + filepath.Base(dir) + ":" + tag
	command := exec.Command("skopeo", "copy", "--dest-compress", fmt.Sprintf("--dest-tls-verify=%t", tlsVerify && !isLoopback(registry)),
		"oci:"+dir+":"+Tag, "docker://"+target)
	if err := run(command); err != nil {
		return fmt.Errorf("failed to push %s: %w", target, err)
	}
	return nil
}

// isLoopback returns whether a registry is on the loopback interface of this machine.
func isLoopback(registry string) bool {
	address, err := url.Parse("//" + registry)
	if err != nil {
		return false
	}
	return address.Hostname() == "localhost" || net.ParseIP(address.Hostname()).IsLoopback()
}
