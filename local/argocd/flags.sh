# Sourced by build.sh and test.sh: the settings of every build of this module. Go's build cache is keyed by the flags, so a build
# with others compiles Argo CD again. They are those of ../kube/flags.sh, which explains them, so that both share the standard library.
export CGO_ENABLED=0
quick='-dwarf=false -l'
export GOFLAGS="-trimpath '-gcflags=all=-dwarf=false' '-gcflags=github.com/...=$quick' '-gcflags=k8s.io/...=$quick' '-gcflags=sigs.k8s.io/...=$quick' '-gcflags=gitlab.com/...=$quick' ${GOFLAGS-}"
export GOGC=off GOMEMLIMIT=2GiB
