package images

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// Push copies the image of an OCI layout to a registry, as <registry>/smb-copilot/<name>:local.
func Push(dir, registry string, tlsVerify bool) error {
	target := registry + "/smb-copilot/" + filepath.Base(dir) + ":" + Tag
	command := exec.Command("skopeo", "copy", "--dest-compress", fmt.Sprintf("--dest-tls-verify=%t", tlsVerify),
		"oci:"+dir+":"+Tag, "docker://"+target)
	if err := run(command); err != nil {
		return fmt.Errorf("failed to push %s: %w", target, err)
	}
	return nil
}
