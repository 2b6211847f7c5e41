# Sourced by build.sh and test.sh: the settings of every build of this module. Go's build cache is keyed by the flags, so a build
# with others compiles Kubernetes again.
export CGO_ENABLED=0

# The linker drops the debug information, so the compiler need not produce it. Without inlining most packages of Kubernetes, which
# are generated or run seldom, compile in half the time; those that every request passes through are excepted.
quick='-dwarf=false -l'
fast='-dwarf=false'
export GOFLAGS="-trimpath '-gcflags=all=$fast' '-gcflags=k8s.io/...=$quick' '-gcflags=k8s.io/apimachinery/...=$fast' '-gcflags=k8s.io/apiserver/...=$fast' '-gcflags=k8s.io/klog/...=$fast' ${GOFLAGS-}"

# The compiler is a short process: it ends before collecting garbage pays. The limit holds on machines with little memory.
export GOGC=off GOMEMLIMIT=2GiB
