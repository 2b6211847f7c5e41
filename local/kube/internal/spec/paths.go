package spec

// Paths inside the unit. Home is the instance's state directory. The rest of /run and /var belongs to the unit and disappears with it.
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

// Files in the state directory that both the launcher and the unit use.
const (
	RecordFile = "unit.json"   // identity of the unit's first process
	StatusFile = "status.json" // state of its components
)

// Kubeconfig returns the path inside the unit of the kubeconfig with the named credential.
func Kubeconfig(name string) string { return Config + "/" + name + ".kubeconfig" }
