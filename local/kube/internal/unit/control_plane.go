package unit

import (
	"strconv"

	"smbcopilot.dev/local/kube/internal/spec"
)

// etcdURL is the address of etcd inside the unit.
const etcdURL = "http://127.0.0.1:2379"

// etcd returns the command line of etcd.
func etcd() program {
	return program{name: "etcd", args: []string{
		"--name=smb", "--data-dir=" + spec.Etcd,
		"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
		// The API server compacts the history every five minutes. The quota bounds the history of a burst of tests.
		"--quota-backend-bytes=4294967296",
		"--log-level=warn",
	}}
}

// apiserver returns the command line of the API server.
func apiserver(s spec.Spec) program {
	args := []string{
		"--advertise-address=" + spec.NodeIP.String(), "--secure-port=" + strconv.Itoa(spec.APIPort),
		"--etcd-servers=" + etcdURL,
		"--service-cluster-ip-range=" + spec.ServiceNet,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true", "--profiling=false",

		"--tls-cert-file=" + spec.PKI + "/apiserver.crt", "--tls-private-key-file=" + spec.PKI + "/apiserver.key",
		"--client-ca-file=" + spec.PKI + "/ca.crt",

		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + spec.PKI + "/service-account.pub",
		"--service-account-signing-key-file=" + spec.PKI + "/service-account.key",

		// `kubectl logs` and `kubectl exec` require these.
		"--kubelet-client-certificate=" + spec.PKI + "/apiserver-kubelet.crt",
		"--kubelet-client-key=" + spec.PKI + "/apiserver-kubelet.key",
		"--kubelet-certificate-authority=" + spec.PKI + "/ca.crt",
		"--kubelet-preferred-address-types=InternalIP",

		"--requestheader-client-ca-file=" + spec.PKI + "/front-proxy-ca.crt",
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group", "--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + spec.PKI + "/front-proxy.crt", "--proxy-client-key-file=" + spec.PKI + "/front-proxy.key",
	}
	if s.Audit {
		args = append(args, "--audit-policy-file="+auditPolicy, "--audit-log-path="+spec.Logs+"/audit.jsonl")
	}
	return program{name: "kube-apiserver", args: args}
}

// controllerManager returns the command line of the controller manager.
func controllerManager() program {
	return program{name: "kube-controller-manager", args: append(clientFlags("controller-manager"),
		"--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false",
		// The built-in roles are bound to the service account of each controller.
		"--use-service-account-credentials=true",
		"--root-ca-file="+spec.PKI+"/ca.crt",
		"--service-account-private-key-file="+spec.PKI+"/service-account.key",
		"--cluster-signing-cert-file="+spec.PKI+"/ca.crt", "--cluster-signing-key-file="+spec.PKI+"/ca.key",
	)}
}

// scheduler returns the command line of the scheduler.
func scheduler() program {
	return program{name: "kube-scheduler", args: append(clientFlags("scheduler"),
		"--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false",
	)}
}

// clientFlags returns the flags of a component that connects to the API server.
func clientFlags(credential string) []string {
	kubeconfig := spec.Kubeconfig(credential)
	return []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
	}
}
