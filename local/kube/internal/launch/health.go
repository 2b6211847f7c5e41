package launch

import (
	"context"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"smbcopilot.dev/local/kube/internal/record"
)

// A healthy API server answers in milliseconds; `up` promises an answer within a second.
const healthTimeout = 800 * time.Millisecond

// Healthy says whether the unit lives, has booted, has all its components, and answers.
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
	return answers(filepath.Join(last.Spec.State, "kubeconfig"))
}

func answers(kubeconfig string) bool {
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
