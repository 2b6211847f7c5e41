// Package health contains the tests of the health checks in docs/gitops, which are executed as Argo CD does.
package health

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
)

const prefix = "resource.customizations.health."

// example is an object with the health that Argo CD shows.
type example struct {
	Name   string                    `json:"name"`
	Object unstructured.Unstructured `json:"object"`
	Health health.HealthStatus       `json:"health"`
}

// TestHealth verifies that each example has the health that the file of examples states.
func TestHealth(t *testing.T) {
	checks := readChecks(t)
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples:", err)
	}
	for _, file := range files {
		var examples []example
		read(t, file, &examples)
		for _, example := range examples {
			t.Run(example.Name, func(t *testing.T) {
				found, err := checks.GetResourceHealth(&example.Object)
				if err != nil {
					t.Fatal(err)
				}
				if found == nil || *found != example.Health {
					t.Fatalf("the health is %+v, not %+v", found, example.Health)
				}
			})
		}
	}
}

// TestKindsOfThePlatformAreCheckedAlike verifies that the checks of our kinds have the same text, which the file contains once for each.
func TestKindsOfThePlatformAreCheckedAlike(t *testing.T) {
	checks := readChecks(t)
	for _, kind := range []string{"Plan", "Tenant"} {
		if checks["smbcopilot.dev/"+kind].HealthLua != checks["smbcopilot.dev/Workflow"].HealthLua {
			t.Errorf("the check of %s differs from that of Workflow", kind)
		}
	}
}

// readChecks returns the checks of docs/gitops/argocd-cm.yaml by group and kind, as Argo CD reads them from its ConfigMap.
func readChecks(t *testing.T) lua.ResourceHealthOverrides {
	t.Helper()
	var patch struct {
		Data map[string]string `json:"data"`
	}
	read(t, "../../../../docs/gitops/argocd-cm.yaml", &patch)
	checks := lua.ResourceHealthOverrides{}
	for key, script := range patch.Data {
		groupKind, isHealth := strings.CutPrefix(key, prefix)
		if !isHealth {
			t.Fatalf("%s does not begin with %s", key, prefix)
		}
		checks[strings.Replace(groupKind, "_", "/", 1)] = v1alpha1.ResourceOverride{HealthLua: script}
	}
	return checks
}

// read parses a YAML file. Unknown fields are errors.
func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
