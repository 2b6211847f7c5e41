package unit

import (
	"fmt"
	"time"

	"smbcopilot.dev/local/kube/internal/spec"
)

// bootControlPlane starts etcd, API server and controller manager, each one when the previous one is ready.
func (u *unit) bootControlPlane() error {
	u.run(etcd())
	if err := u.await("etcd", etcdReady); err != nil {
		return err
	}
	u.run(apiserver(u.spec))
	api, err := newAPI()
	if err != nil {
		return err
	}
	u.api = api
	if err := u.await("kube-apiserver", api.ready); err != nil {
		return err
	}
	u.run(controllerManager())
	if u.spec.Mode == spec.ControlPlane {
		return u.await("kube-controller-manager", healthy("kube-controller-manager", 10257))
	}
	return nil
}

// bootNode starts the components that run pods. The container runtime has already been started.
func (u *unit) bootNode() error {
	if err := u.await("bootstrap", u.api.createClusterObjects); err != nil {
		return err
	}
	u.run(networkPolicies(u.spec))
	u.run(kubeProxy(u.spec))
	u.run(scheduler())
	if err := u.await("containerd", socketReady(spec.ContainerdSock)); err != nil {
		return err
	}
	if err := u.runTask(importPause()); err != nil {
		return fmt.Errorf("failed to import the pause image: %w", err)
	}
	u.run(kubelet(u.spec))
	for _, condition := range []struct {
		component string
		ready     check
	}{
		{"kube-controller-manager", healthy("kube-controller-manager", 10257)},
		{"network-policies", queueBound},
		{"kubelet", u.api.nodeReady(u.spec.NodeName())},
		{"coredns", dnsReady},
	} {
		if err := u.await(condition.component, condition.ready); err != nil {
			return err
		}
	}
	return nil
}

// run supervises a program while the unit runs. A program that does not stay up ends the unit.
func (u *unit) run(p program) {
	go func() { u.fatal <- failure{component: p.name, err: u.supervise(p)} }()
}

// check returns nil if its subject is ready, and otherwise an error that says what is missing.
type check func() error

// await polls a check until it succeeds or the deadline has passed. The checks use the loopback interface and take well under a millisecond.
func (u *unit) await(component string, ready check) error {
	for {
		err := ready()
		if err == nil {
			u.progress.ready(component)
			return nil
		}
		if time.Now().After(u.deadline) {
			return failure{component: component, err: fmt.Errorf("not ready in time: %w", err)}
		}
		time.Sleep(50 * time.Millisecond)
	}
}
