#!/bin/sh
# Builds smb-argocd into the directory given as first argument, and writes argocd.yaml there: the custom resource definitions and the
# default configuration of Argo CD.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
. ./flags.sh
go build -ldflags "-s -w -X github.com/argoproj/argo-cd/v3/common.version=3.1.8" -o "$out/" ./cmd/smb-argocd
manifests=$(go list -m -f '{{.Dir}}' github.com/argoproj/argo-cd/v3)/manifests
for file in "$manifests"/crds/*-crd.yaml "$manifests"/base/config/argocd-*.yaml; do
	echo "---"
	cat "$file"
done > "$out/argocd.yaml"
