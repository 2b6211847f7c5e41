package spec

import "testing"

// A wrong flag is refused at once, not by some component half a minute later.
func TestValidate(t *testing.T) {
	good := Spec{Instance: "dev", State: "/s", Mode: Node, KubePort: 6443}
	if err := good.Validate(); err != nil {
		t.Fatalf("a good spec is refused: %v", err)
	}
	for name, spoil := range map[string]func(*Spec){
		"empty instance":           func(s *Spec) { s.Instance = "" },
		"instance with a slash":    func(s *Spec) { s.Instance = "../dev" },
		"unknown mode":             func(s *Spec) { s.Mode = "cluster" },
		"no port":                  func(s *Spec) { s.KubePort = 0 },
		"forward without any node": func(s *Spec) { s.Mode, s.Forwards = ControlPlane, []Forward{{1, 2}} },
	} {
		bad := good
		spoil(&bad)
		if bad.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// Two checkouts that use the same instance name must not remove each other's control groups.
func TestDefaultCgroupRootTellsCheckoutsApart(t *testing.T) {
	if DefaultCgroupRoot("dev", "/a") == DefaultCgroupRoot("dev", "/b") {
		t.Error("equal for two state directories")
	}
}

// A mistyped forward is named, instead of leading to a wrong port.
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
