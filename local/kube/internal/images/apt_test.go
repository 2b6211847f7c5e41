package images

import (
	"slices"
	"testing"
)

// Images contain only packages of Debian, whatever other sources the host has.
func TestOnlyDebianSourcesAreUsed(t *testing.T) {
	lines := fromLines(`# deb http://commented/debian bookworm main
deb [signed-by=/k.gpg arch=amd64] http://mirror/debian bookworm main contrib
deb http://security/debian-security bookworm-security main # with a comment
deb-src http://mirror/debian bookworm main
deb https://third.party/apt nodistro main
`, "bookworm")
	if want := []string{
		"deb [signed-by=/k.gpg arch=amd64] http://mirror/debian bookworm main contrib",
		"deb http://security/debian-security bookworm-security main",
	}; !slices.Equal(lines, want) {
		t.Errorf("got %q", lines)
	}
	stanzas := fromStanzas(`Types: deb deb-src
# a comment: with a colon
URIs: http://mirror/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /k.gpg

Types: deb
URIs: https://third.party/apt
Suites: nodistro
Components: main
`, "bookworm")
	if want := []string{
		"deb [signed-by=/k.gpg] http://mirror/debian bookworm main", "deb [signed-by=/k.gpg] http://mirror/debian bookworm-updates main",
	}; !slices.Equal(stanzas, want) {
		t.Errorf("got %q", stanzas)
	}
}
