#!/bin/sh
# Runs the tests of this module: the health checks for Argo CD, executed as Argo CD does. Arguments are passed to `go test`.
set -eu
cd "$(dirname "$0")"
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	echo "not formatted: $unformatted" >&2
	exit 1
fi
. ./flags.sh
go test -vet=off "$@" ./internal/...
