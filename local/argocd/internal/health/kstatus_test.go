package health

import (
	"testing"

	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/argoproj/gitops-engine/pkg/health"
)

// statuses maps the health of an object in Argo CD to its status in Flux, which uses kstatus.
var statuses = map[health.HealthStatusCode]status.Status{
	health.HealthStatusHealthy:     status.CurrentStatus,
	health.HealthStatusProgressing: status.InProgressStatus,
	health.HealthStatusDegraded:    status.FailedStatus,
}

// TestKstatus verifies that Flux waits for the same objects as Argo CD, and fails for the same objects. It differs before the operator's
// first status: kstatus regards an object without conditions as current.
func TestKstatus(t *testing.T) {
	for _, file := range []string{"testdata/plans.yaml", "testdata/tenants.yaml", "testdata/workflows.yaml"} {
		var examples []example
		read(t, file, &examples)
		for _, example := range examples {
			if example.Object.Object["status"] == nil {
				continue
			}
			t.Run(example.Name, func(t *testing.T) {
				found, err := status.Compute(&example.Object)
				if err != nil {
					t.Fatal(err)
				}
				if found.Status != statuses[example.Health.Status] {
					t.Fatalf("the status is %s, but the health is %s", found.Status, example.Health.Status)
				}
			})
		}
	}
}
