#!/bin/sh
# Runs the tests of this module, which require neither root nor a cluster. Arguments are passed to `go test`. It uses flags.sh as build.sh does,
# and no vet, which would compile all of Kubernetes again.
set -eu
cd "$(dirname "$0")"
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	echo "not formatted: $unformatted" >&2
	exit 1
fi
. ./flags.sh
go test -vet=off "$@" ./internal/...
