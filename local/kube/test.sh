#!/bin/sh
# Runs the tests of this module, which require neither root nor a cluster. Arguments are passed to `go test`. It uses the flags of build.sh,
# and no vet, which would compile all of Kubernetes again.
set -eu
cd "$(dirname "$0")"
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	echo "not formatted: $unformatted" >&2
	exit 1
fi
CGO_ENABLED=0 go test -trimpath -vet=off "$@" ./internal/...
