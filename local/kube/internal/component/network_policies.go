package component

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// runNetworkPolicies runs the network policy engine, which decides on the first packet of every connection that a netfilter rule queues.
func runNetworkPolicies() int {
	flags := flag.NewFlagSet("network-policies", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "kubeconfig with the address of the API server and a credential")
	node := flags.String("node", "", "name of the node to whose pods the policies apply")
	addresses := flags.String("addresses", "", "directory with one file per pod address that contains the namespace/name of the pod")
	queue := flags.Int("queue", 100, "number of the netfilter queue")
	klog.InitFlags(flags)
	_ = flags.Parse(os.Args[1:]) // ExitOnError
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *kubeconfig, *addresses, networkpolicy.Config{QueueID: *queue, NodeName: *node}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// serve runs the engine until ctx is done. NRI stays enabled although containerd 1.6 does not support it: v0.8.0 of the engine dereferences
// the plugin for every unknown address, and only logs its failed connection.
func serve(ctx context.Context, kubeconfig, addresses string, config networkpolicy.Config) error {
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("failed to read kubeconfig %s: %w", kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return fmt.Errorf("failed to create a client: %w", err)
	}
	shared := informers.NewSharedInformerFactory(client, 0)
	pods := podAddresses{shared.Core().V1().Pods(), addresses}
	controller, err := networkpolicy.NewController(client,
		shared.Networking().V1().NetworkPolicies(), shared.Core().V1().Namespaces(), pods,
		nil, nil, nil, nil, config)
	if err != nil {
		return fmt.Errorf("failed to create the network policy engine: %w", err)
	}
	shared.Start(ctx.Done())
	return controller.Run(ctx)
}
