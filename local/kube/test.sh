#!/bin/sh
# Runs the module's own tests; no root, no cluster. Arguments go to `go test`. With the flags of build.sh, and without vet, which would
# load all of Kubernetes.
set -eu
cd "$(dirname "$0")"
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	echo "not formatted: $unformatted" >&2
	exit 1
fi
CGO_ENABLED=0 go test -trimpath -vet=off "$@" ./internal/...
