package launch

import (
	"context"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"smbcopilot.dev/local/kube/internal/record"
)

// A component that was killed is back within a second or two; all of them at once take as long as a boot. A busy machine answers late.
const patience = 15 * time.Second

// settles waits for a unit that lives: ending it would end all pods. One that has given up is not waited for.
func settles(last record.Record) bool {
	deadline := time.Now().Add(patience)
	for !Healthy(last) {
		status, err := readStatus(last.Spec.State)
		if err != nil || !status.Ready || !last.Alive() || time.Now().After(deadline) {
			return false
		}
		time.Sleep(100 * time.Millisecond)
	}
	return true
}

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
