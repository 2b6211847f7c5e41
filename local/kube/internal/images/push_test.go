package images

import "testing"

// Only a registry on the loopback interface may be used without TLS.
func TestOnlyLoopbackRegistriesMayBeWithoutTLS(t *testing.T) {
	for registry, want := range map[string]bool{
		"127.0.0.1:5000/smb": true, "localhost:5000": true, "[::1]:5000/a": true,
		"registry.example/smb": false, "localhost.example:5000": false, "10.0.0.7:5000": false, "": false,
	} {
		if got := isLoopback(registry); got != want {
			t.Errorf("isLoopback(%q) = %t", registry, got)
		}
	}
}
