package unit

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"smbcopilot.dev/local/kube/internal/spec"
)

// A placeholder that was forgotten would reach a component as a path.
func TestEveryPlaceholderIsFilled(t *testing.T) {
	placeholder := regexp.MustCompile(`@[A-Z_]+@`)
	for source := range builtIn {
		text, err := render(spec.Spec{CgroupRoot: "/smb-acme"}, source)
		if err != nil {
			t.Fatal(err)
		}
		if left := placeholder.FindString(text); left != "" {
			t.Errorf("%s: %s is left", source, left)
		}
		if err := wellFormed(source, text); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func wellFormed(source, text string) error {
	var value any
	switch {
	case strings.HasSuffix(source, ".yaml"):
		return yaml.UnmarshalStrict([]byte(text), &value)
	case strings.HasSuffix(source, ".conflist"):
		return json.Unmarshal([]byte(text), &value)
	}
	return nil
}

// While the network policy engine is down, a pod that policies close must not become open.
func TestPacketsAreNotLetPastTheEngine(t *testing.T) {
	for _, rule := range queueRules() {
		if strings.Contains(rule, "bypass") {
			t.Errorf("%q lets packets pass", rule)
		}
	}
}
