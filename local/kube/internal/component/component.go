// Package component holds the published programs that make up a cluster, linked into one binary.
package component

import "os"

// programs maps the name under which a component is called to its main function.
var programs = map[string]func() int{
	"etcd":                    runEtcd,
	"kube-apiserver":          runApiserver,
	"kube-controller-manager": runControllerManager,
	"kube-scheduler":          runScheduler,
	"kubelet":                 runKubelet,
	"kube-proxy":              runProxy,
	"coredns":                 runCoreDNS,
	"network-policies":        runNetworkPolicies,
	"kubectl":                 runKubectl,
}

// Known says whether there is a program of that name.
func Known(name string) bool {
	_, known := programs[name]
	return known
}

// Run becomes the named program, which reads os.Args as if it had been started alone. It reports false when there is no such program.
func Run(name string, args []string) (code int, known bool) {
	main, known := programs[name]
	if !known {
		return 0, false
	}
	os.Args = append([]string{name}, args...)
	return main(), true
}
