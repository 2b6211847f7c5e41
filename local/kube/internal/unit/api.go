package unit

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"smbcopilot.dev/local/kube/internal/spec"
)

// requestTimeout is longer than any single request takes on a busy machine.
const requestTimeout = 10 * time.Second

// api is the unit's client of the API server.
type api struct{ client kubernetes.Interface }

// newAPI returns a client with the admin credential.
func newAPI() (*api, error) {
	config, err := clientcmd.BuildConfigFromFlags("", spec.Kubeconfig("admin"))
	if err != nil {
		return nil, fmt.Errorf("failed to read the admin kubeconfig: %w", err)
	}
	config.Timeout = requestTimeout
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("failed to create a client: %w", err)
	}
	return &api{client: client}, nil
}

// ready returns nil if the API server is ready.
func (a *api) ready() error {
	_, err := a.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(context.Background())
	return err
}

// nodeReady checks that the node has the condition Ready.
func (a *api) nodeReady(name string) check {
	return func() error {
		node, err := a.client.CoreV1().Nodes().Get(context.Background(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			// An old heartbeat is from the previous start of the unit.
			isRecent := time.Since(condition.LastHeartbeatTime.Time) < 30*time.Second
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue && isRecent {
				return nil
			}
		}
		return fmt.Errorf("node %s is not ready", name)
	}
}
