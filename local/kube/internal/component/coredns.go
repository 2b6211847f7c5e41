package component

import (
	"github.com/coredns/coredns/coremain"

	// Only the plugins in the Corefile, since the full set triples the build time.
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

// runCoreDNS runs CoreDNS and returns its exit code.
func runCoreDNS() int {
	coremain.Run()
	return 0
}
