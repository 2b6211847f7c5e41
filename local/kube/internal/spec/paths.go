package spec

// Paths inside the unit. Home is the instance's state directory; the rest of /run and /var is the unit's own and ends with it.
const (
	Home            = "/run/smb"
	Binary          = "/run/smb-bin/smb-kube"
	PKI             = Home + "/pki"
	Config          = Home + "/config"
	Logs            = Home + "/logs"
	Etcd            = Home + "/etcd"
	Volumes         = Home + "/volumes"
	Containerd      = Home + "/containerd"
	StaticPods      = Config + "/static-pods"
	CoreDNS         = Config + "/coredns"
	Addresses       = "/run/smb-addresses"
	CNIPlugins      = "/usr/lib/cni"
	ContainerdState = "/run/containerd"
	ContainerdSock  = ContainerdState + "/containerd.sock"
)

// Files of the state directory that launcher and unit share.
const (
	RecordFile = "unit.json"   // who the unit's first process is
	StatusFile = "status.json" // what its components do
)

// Kubeconfig is the path inside the unit of the kubeconfig with the named credential.
func Kubeconfig(name string) string { return Config + "/" + name + ".kubeconfig" }
