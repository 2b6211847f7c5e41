package component

import (
	"os"
	"path/filepath"

	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// podAddresses is a pod informer that finds the pod of an address as soon as the CNI plugin has assigned it, and no longer after the plugin
// has released it. Each lookup, which happens once per connection, reads a file of a few bytes from memory.
type podAddresses struct {
	coreinformers.PodInformer
	addresses string
}

// Informer implements PodInformer.
func (p podAddresses) Informer() cache.SharedIndexInformer {
	return addressInformer{p.PodInformer.Informer(), p.addresses}
}

// addressInformer is the informer with the index of addresses.
type addressInformer struct {
	cache.SharedIndexInformer
	addresses string
}

// GetIndexer implements SharedIndexInformer.
func (i addressInformer) GetIndexer() cache.Indexer {
	return addressIndexer{i.SharedIndexInformer.GetIndexer(), i.addresses}
}

// addressIndexer finds pods by address.
type addressIndexer struct {
	cache.Indexer
	addresses string
}

// ByIndex returns the pod of an address. The engine has no other index.
func (i addressIndexer) ByIndex(index, address string) ([]any, error) {
	key, err := os.ReadFile(filepath.Join(i.addresses, filepath.Base(address)))
	if err != nil {
		// The address does not belong to a pod, but to a node or to the outside.
		return i.Indexer.ByIndex(index, address)
	}
	pod, found, err := i.GetByKey(string(key))
	if err != nil || !found {
		return nil, err
	}
	return []any{pod}, nil
}
