package launch

import (
	"context"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"smbcopilot.dev/local/kube/internal/record"
)

// repairTimeout bounds the wait for components that the unit restarts. One component is back within two seconds, and all of them take as
// long as a boot. A busy machine responds late.
const repairTimeout = 15 * time.Second

// becomesHealthy waits until a running unit is healthy, since ending it would end all pods. It does not wait for a unit that has failed.
func becomesHealthy(last record.Record) bool {
	deadline := time.Now().Add(repairTimeout)
	for !Healthy(last) {
		status, err := readStatus(last.Spec.State)
		if err != nil || !status.Ready || !last.Alive() || time.Now().After(deadline) {
			return false
		}
		time.Sleep(100 * time.Millisecond)
	}
	return true
}

// healthTimeout bounds a request to the API server, which responds in milliseconds. `up` must return within a second.
const healthTimeout = 800 * time.Millisecond

// Healthy returns whether the unit is running and ready, all its components are running, and its API server responds.
func Healthy(last record.Record) bool {
	if !last.Alive() {
		return false
	}
	status, err := readStatus(last.Spec.State)
	if err != nil || !status.Ready {
		return false
	}
	running := children(last.PID)
	for _, component := range status.Components {
		if _, alive := running[component.PID]; !alive {
			return false
		}
	}
	return apiServerResponds(filepath.Join(last.Spec.State, "kubeconfig"))
}

// apiServerResponds returns whether the API server is ready.
func apiServerResponds(kubeconfig string) bool {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return false
	}
	config.Timeout = healthTimeout
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return false
	}
	_, err = client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(context.Background())
	return err == nil
}
