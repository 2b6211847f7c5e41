// Package component contains the programs of a Kubernetes cluster, linked into one binary.
package component

import "os"

// programs maps the name of a component to its main function.
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

// Known returns whether a program with this name exists.
func Known(name string) bool {
	_, known := programs[name]
	return known
}

// Run runs the named program, which reads os.Args as if it had been started by itself. It returns false if no such program exists.
func Run(name string, args []string) (code int, known bool) {
	main, known := programs[name]
	if !known {
		return 0, false
	}
	os.Args = append([]string{name}, args...)
	return main(), true
}
