package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"smbcopilot.dev/local/kube/internal/spec"
)

// programs maps the required programs of each mode to their Debian packages.
var programs = map[spec.Mode]map[string]string{
	spec.ControlPlane: {},
	spec.Node: {
		"/usr/bin/containerd": "containerd", "/usr/bin/ctr": "containerd", "runc": "runc", "/usr/lib/cni/ptp": "containernetworking-plugins",
		"iptables": "iptables", "musl-gcc": "musl-tools",
	},
}

// imagePrograms maps the programs for building images to their Debian packages.
var imagePrograms = map[string]string{"mmdebstrap": "mmdebstrap", "musl-gcc": "musl-tools", "pip3": "python3-pip"}

// Preflight returns an error if a unit cannot run on this host, before anything is started.
func Preflight(mode spec.Mode) error {
	if os.Geteuid() != 0 {
		return errors.New("root is required for namespaces and mounts: use sudo, or an existing cluster")
	}
	if mode == spec.ControlPlane {
		return nil
	}
	if !overlaySupported() {
		// The module may not be loaded yet. Whether this succeeds is checked below.
		_ = exec.Command("modprobe", "overlay").Run()
	}
	if !overlaySupported() {
		return errors.New("the kernel has no overlayfs, which the container runtime requires: use an existing cluster")
	}
	if missing := missingPackages(programs[mode]); len(missing) > 0 {
		return fmt.Errorf("required programs are missing; install them with: apt-get install --no-install-recommends %s", strings.Join(missing, " "))
	}
	return nil
}

// overlaySupported returns whether the kernel supports overlayfs.
func overlaySupported() bool {
	systems, err := os.ReadFile("/proc/filesystems")
	return err == nil && strings.Contains(string(systems), "\toverlay\n")
}

// MissingPackages returns the Debian packages that are missing for running a node and building images.
func MissingPackages() []string {
	all := map[string]string{}
	for _, set := range []map[string]string{programs[spec.Node], imagePrograms} {
		for program, pkg := range set {
			all[program] = pkg
		}
	}
	return missingPackages(all)
}

// missingPackages returns the packages of the programs that are not installed.
func missingPackages(needed map[string]string) []string {
	var missing []string
	for program, pkg := range needed {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	return sortedUnique(missing)
}
