#!/bin/sh
# Builds smb-kube, kubectl (a link to it) and helm into the directory given as first argument.
#
# Use only these flags for builds and tests: with other flags Go's cache is not shared, and Kubernetes takes five minutes to compile.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
version=k8s.io/component-base/version
# Without a version, clients would show v0.0.0-master.
flags="-s -w -X $version.gitVersion=v1.34.4 -X $version.gitMajor=1 -X $version.gitMinor=34 -X $version.gitTreeState=clean"
export CGO_ENABLED=0
go build -trimpath -ldflags "$flags" -o "$out/smb-kube" ./cmd/smb-kube
go build -trimpath -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=v3.19.2" -o "$out/helm" helm.sh/helm/v3/cmd/helm
ln -sf smb-kube "$out/kubectl"
