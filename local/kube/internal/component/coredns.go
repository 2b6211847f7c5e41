package component

import (
	"github.com/coredns/coredns/coremain"

	// Only the plugins that the Corefile of a cluster names: the full set triples the build.
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func runCoreDNS() int {
	coremain.Run()
	return 0
}
