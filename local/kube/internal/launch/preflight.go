package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"smbcopilot.dev/local/kube/internal/spec"
)

// programs maps what is needed to the Debian package that has it.
var programs = map[spec.Mode]map[string]string{
	spec.ControlPlane: {},
	spec.Node: {
		"/usr/bin/containerd": "containerd", "/usr/bin/ctr": "containerd", "runc": "runc", "/usr/lib/cni/ptp": "containernetworking-plugins",
		"iptables": "iptables", "musl-gcc": "musl-tools",
	},
}

// imagePrograms are needed to build images.
var imagePrograms = map[string]string{"mmdebstrap": "mmdebstrap", "musl-gcc": "musl-tools"}

// Preflight says at once, and in words, why a unit cannot run here.
func Preflight(mode spec.Mode) error {
	if os.Geteuid() != 0 {
		return errors.New("not root: namespaces and mounts need it; use sudo, or a cluster that exists")
	}
	if mode == spec.ControlPlane {
		return nil
	}
	if !overlayKnown() {
		// A module that nothing has needed yet. Whether it was found is seen right after.
		_ = exec.Command("modprobe", "overlay").Run()
	}
	if !overlayKnown() {
		return errors.New("no overlayfs in this kernel: the container runtime needs it; use a cluster that exists")
	}
	if missing := missingPackages(programs[mode]); len(missing) > 0 {
		return fmt.Errorf("missing programs: apt-get install --no-install-recommends %s", strings.Join(missing, " "))
	}
	return nil
}

func overlayKnown() bool {
	systems, err := os.ReadFile("/proc/filesystems")
	return err == nil && strings.Contains(string(systems), "\toverlay\n")
}

// MissingPackages lists the Debian packages that running a node and building images still need.
func MissingPackages() []string {
	all := map[string]string{}
	for _, set := range []map[string]string{programs[spec.Node], imagePrograms} {
		for program, pkg := range set {
			all[program] = pkg
		}
	}
	return missingPackages(all)
}

func missingPackages(needed map[string]string) []string {
	var missing []string
	for program, pkg := range needed {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	return sortedUnique(missing)
}
