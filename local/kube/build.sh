#!/bin/sh
# Builds smb-kube, kubectl (a link to it) and helm into the directory given as first argument.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
. ./flags.sh
version=k8s.io/component-base/version
# Without a version, clients would show v0.0.0-master.
flags="-s -w -X $version.gitVersion=v1.34.4 -X $version.gitMajor=1 -X $version.gitMinor=34 -X $version.gitTreeState=clean"
flags="$flags -X helm.sh/helm/v3/internal/version.version=v3.19.2"
# One invocation: the packages that only one of the two needs are compiled while the other waits for its own.
go build -ldflags "$flags" -o "$out/" ./cmd/smb-kube helm.sh/helm/v3/cmd/helm
ln -sf smb-kube "$out/kubectl"
