package unit

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"smbcopilot.dev/local/kube/internal/spec"
)

// Every placeholder is replaced; a remaining one would reach a component as a path.
func TestEveryPlaceholderIsReplaced(t *testing.T) {
	placeholder := regexp.MustCompile(`@[A-Z_]+@`)
	for source := range builtIn {
		text, err := render(spec.Spec{CgroupRoot: "/smb-acme"}, source)
		if err != nil {
			t.Fatal(err)
		}
		if remaining := placeholder.FindString(text); remaining != "" {
			t.Errorf("%s: %s is not replaced", source, remaining)
		}
		if err := wellFormed(source, text); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// wellFormed returns an error if a YAML or JSON file cannot be parsed.
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

// Packets do not bypass the network policy engine while it is down, so that isolated pods stay isolated.
func TestPacketsDoNotBypassTheEngine(t *testing.T) {
	for _, rule := range queueRules() {
		if strings.Contains(rule, "bypass") {
			t.Errorf("%q lets packets bypass the engine", rule)
		}
	}
}
