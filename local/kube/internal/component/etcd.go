package component

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

// runEtcd runs etcd and returns its exit code.
func runEtcd() int {
	etcdmain.Main(os.Args)
	return 0
}
