package unit

import (
	"smbcopilot.dev/local/kube/internal/cgroup"
	"smbcopilot.dev/local/kube/internal/spec"
)

// setUpCgroups creates the control group below which the kubelet places all pods.
func setUpCgroups(s spec.Spec) error {
	if s.Mode == spec.ControlPlane {
		return nil
	}
	return cgroup.Create(s.CgroupRoot)
}
