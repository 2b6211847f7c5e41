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

// runNetworkPolicies judges the first packet of every connection that a netfilter rule queues.
func runNetworkPolicies() int {
	flags := flag.NewFlagSet("network-policies", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "file with the API server's address and a credential")
	node := flags.String("node", "", "name of the node whose pods are judged")
	notes := flags.String("addresses", "", "directory with a file an address, holding namespace/name of its pod")
	queue := flags.Int("queue", 100, "number of the netfilter queue")
	klog.InitFlags(flags)
	_ = flags.Parse(os.Args[1:]) // ExitOnError
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := judge(ctx, *kubeconfig, *notes, networkpolicy.Config{QueueID: *queue, NodeName: *node}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// NRI stays enabled although containerd 1.6 has none: v0.8.0 of the engine dereferences the plugin for every unknown address, and its
// failed connection is only logged.
func judge(ctx context.Context, kubeconfig, notes string, config networkpolicy.Config) error {
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("failed to read kubeconfig %s: %w", kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return fmt.Errorf("failed to make a client: %w", err)
	}
	shared := informers.NewSharedInformerFactory(client, 0)
	pods := podAddresses{shared.Core().V1().Pods(), notes}
	controller, err := networkpolicy.NewController(client,
		shared.Networking().V1().NetworkPolicies(), shared.Core().V1().Namespaces(), pods,
		nil, nil, nil, nil, config)
	if err != nil {
		return fmt.Errorf("failed to make the network policy engine: %w", err)
	}
	shared.Start(ctx.Done())
	return controller.Run(ctx)
}
