package spec

import "testing"

// An invalid flag is refused at once, instead of by a component half a minute later.
func TestValidate(t *testing.T) {
	valid := Spec{Instance: "dev", State: "/s", Mode: Node, KubePort: 6443}
	if err := valid.Validate(); err != nil {
		t.Fatalf("a valid spec is refused: %v", err)
	}
	for name, modify := range map[string]func(*Spec){
		"empty instance":         func(s *Spec) { s.Instance = "" },
		"instance with a slash":  func(s *Spec) { s.Instance = "../dev" },
		"unknown mode":           func(s *Spec) { s.Mode = "cluster" },
		"no port":                func(s *Spec) { s.KubePort = 0 },
		"forward without a node": func(s *Spec) { s.Mode, s.Forwards = ControlPlane, []Forward{{1, 2}} },
	} {
		invalid := valid
		modify(&invalid)
		if invalid.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// Two checkouts with the same instance name have different control groups, so that neither removes those of the other.
func TestDefaultCgroupRootDiffersBetweenCheckouts(t *testing.T) {
	if DefaultCgroupRoot("dev", "/a") == DefaultCgroupRoot("dev", "/b") {
		t.Error("the groups of two state directories are equal")
	}
}

// An invalid forward is an error, instead of a forward to a wrong port.
func TestParseForward(t *testing.T) {
	if got, err := ParseForward("8080=30080"); err != nil || got != (Forward{HostPort: 8080, NodePort: 30080}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, value := range []string{"", "8080", "8080:30080", "8080=", "70000=30080", "-1=2"} {
		if _, err := ParseForward(value); err == nil {
			t.Errorf("%q is accepted", value)
		}
	}
}
