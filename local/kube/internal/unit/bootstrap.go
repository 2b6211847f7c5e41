package unit

import (
	"context"
	"fmt"
	"os"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"smbcopilot.dev/local/kube/internal/pki"
	"smbcopilot.dev/local/kube/internal/spec"
)

const (
	storageClass = "local"
	readerRole   = "smb-kube:reader"
	// volumes is the number of persistent volumes. It suffices for several installations of the chart, and a directory costs nothing.
	volumes = 8
)

// createClusterObjects creates the objects that cluster installers create: the DNS Service, RBAC for its reader, and storage.
func (a *api) createClusterObjects() error {
	ctx := context.Background()
	core, rbac := a.client.CoreV1(), a.client.RbacV1()
	// Existence is checked first, since the API server refuses the creation of an existing Service with a fixed address as invalid.
	_, err := core.Services("kube-system").Get(ctx, "kube-dns", metav1.GetOptions{})
	if errors.IsNotFound(err) {
		_, err = core.Services("kube-system").Create(ctx, dnsService(), metav1.CreateOptions{})
	}
	if err := ignoreExisting("the DNS Service", err); err != nil {
		return err
	}
	_, err = rbac.ClusterRoles().Create(ctx, reader(), metav1.CreateOptions{})
	if err := ignoreExisting("the reader's ClusterRole", err); err != nil {
		return err
	}
	_, err = rbac.ClusterRoleBindings().Create(ctx, readerBinding(), metav1.CreateOptions{})
	if err := ignoreExisting("the reader's ClusterRoleBinding", err); err != nil {
		return err
	}
	return a.createStorage(ctx)
}

// createStorage creates the storage class and its volumes.
func (a *api) createStorage(ctx context.Context) error {
	_, err := a.client.StorageV1().StorageClasses().Create(ctx, defaultClass(), metav1.CreateOptions{})
	if err := ignoreExisting("the storage class", err); err != nil {
		return err
	}
	for i := range volumes {
		volume, err := localVolume(i)
		if err != nil {
			return err
		}
		_, err = a.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
		if err := ignoreExisting(volume.Name, err); err != nil {
			return err
		}
	}
	return nil
}

// ignoreExisting returns nil if the object was created now or by an earlier start.
func ignoreExisting(what string, err error) error {
	if err != nil && !errors.IsAlreadyExists(err) {
		return fmt.Errorf("failed to create %s: %w", what, err)
	}
	return nil
}

// dnsService returns the Service of CoreDNS.
func dnsService() *corev1.Service {
	port := func(name string, protocol corev1.Protocol) corev1.ServicePort {
		return corev1.ServicePort{Name: name, Protocol: protocol, Port: 53, TargetPort: intstr.FromInt32(53)}
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "kube-dns", Labels: map[string]string{"k8s-app": "kube-dns"}},
		Spec: corev1.ServiceSpec{
			ClusterIP: spec.DNSIP.String(), Selector: map[string]string{"k8s-app": "kube-dns"},
			Ports: []corev1.ServicePort{port("dns", corev1.ProtocolUDP), port("dns-tcp", corev1.ProtocolTCP)},
		},
	}
}

// reader returns the ClusterRole of CoreDNS and the network policy engine.
func reader() *rbacv1.ClusterRole {
	read := func(group string, resources ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: []string{"get", "list", "watch"}}
	}
	return &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: readerRole},
		Rules: []rbacv1.PolicyRule{
			read("", "namespaces", "nodes", "pods", "services"),
			read("discovery.k8s.io", "endpointslices"),
			read("networking.k8s.io", "networkpolicies"),
		},
	}
}

// readerBinding returns the binding of that ClusterRole.
func readerBinding() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: readerRole},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: readerRole},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: pki.ReaderGroup}},
	}
}

// defaultClass returns the storage class of the volumes from localVolume. There is no provisioner for others.
func defaultClass() *storagev1.StorageClass {
	retain, immediate := corev1.PersistentVolumeReclaimRetain, storagev1.VolumeBindingImmediate
	return &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name: storageClass, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner: "kubernetes.io/no-provisioner", ReclaimPolicy: &retain, VolumeBindingMode: &immediate,
	}
}

// localVolume returns a volume in the state directory, which is retained when the unit ends. When its claim is deleted, the volume becomes
// Released and retains its data.
func localVolume(i int) (*corev1.PersistentVolume, error) {
	name := "local-" + strconv.Itoa(i)
	path := spec.Volumes + "/" + name
	if err := makeDirs(path); err != nil {
		return nil, err
	}
	// The kubelet sets no group on host paths, and the user of the container is not known here.
	if err := os.Chmod(path, 0o777); err != nil {
		return nil, fmt.Errorf("failed to make %s writable for containers: %w", path, err)
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: storageClass, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path}},
		},
	}, nil
}
