#!/bin/sh
# Makes the suites for HTTP/2 and gRPC, and grpcurl, available to the tests of the transport: those on the PATH, else
# those in .tools/bin, else built there, once. h2load comes from the system.
set -eu
grpc=v1.85.0
conformance=v1.0.7
grpcurl=v1.9.3
cd "$(dirname "$0")/.."
bin=$PWD/.tools/bin

lacks() {
  for program in "$@"; do
    command -v "$program" >/dev/null || [ -x "$bin/$program" ] || return 0
  done
  return 1
}

lacks h2spec h2specd grpc-interop-client connectconformance grpcurl || exit 0
tools/require.sh go
echo "HTTP/2 suites: building into .tools/bin, once; a minute or two"
start=$(date +%s)
mkdir -p "$bin"
set -- -gcflags=all=-dwarf=false "-ldflags=-s -w"

# h2spec has no go.mod: tools/h2spec/go.mod pins its version and what it needs.
if lacks h2spec h2specd; then go -C tools/h2spec build "$@" -o "$bin/" tool; fi

# grpc-go calls it just `client`.
if lacks grpc-interop-client; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  trap 'exit 130' INT TERM
  GOBIN=$folder go install "$@" "google.golang.org/grpc/interop/client@$grpc"
  mv "$folder/client" "$bin/grpc-interop-client"
fi

if lacks connectconformance; then GOBIN=$bin go install "$@" "connectrpc.com/conformance/cmd/connectconformance@$conformance"; fi
if lacks grpcurl; then GOBIN=$bin go install "$@" "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl"; fi
echo "HTTP/2 suites: built in $(($(date +%s) - start)) s"
