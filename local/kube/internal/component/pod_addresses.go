package component

import (
	"os"
	"path/filepath"

	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// podAddresses is the engine's view of pods, in which a pod has its address from the moment the CNI plugin gave it, and no pod of the
// past has it still. Each lookup reads a note of a few bytes from memory, once a connection.
type podAddresses struct {
	coreinformers.PodInformer
	notes string
}

func (p podAddresses) Informer() cache.SharedIndexInformer {
	return notedInformer{p.PodInformer.Informer(), p.notes}
}

type notedInformer struct {
	cache.SharedIndexInformer
	notes string
}

func (i notedInformer) GetIndexer() cache.Indexer {
	return notedIndexer{i.SharedIndexInformer.GetIndexer(), i.notes}
}

type notedIndexer struct {
	cache.Indexer
	notes string
}

// ByIndex is called with addresses alone: the engine has no other index.
func (i notedIndexer) ByIndex(index, address string) ([]any, error) {
	key, err := os.ReadFile(filepath.Join(i.notes, filepath.Base(address)))
	if err != nil {
		// Not a pod's: a node's, or outside.
		return i.Indexer.ByIndex(index, address)
	}
	pod, found, err := i.GetByKey(string(key))
	if err != nil || !found {
		return nil, err
	}
	return []any{pod}, nil
}
