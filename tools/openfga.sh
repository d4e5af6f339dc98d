#!/bin/sh
# Makes an OpenFGA available: the one on the PATH, else the one in .tools/bin, else built there, once.
set -eu
version=v1.22.1
cd "$(dirname "$0")/.."
bin=$PWD/.tools/bin

for openfga in "$(command -v openfga || true)" "$bin/openfga"; do
  if [ -x "$openfga" ]; then
    echo "OpenFGA: $openfga, version $("$openfga" version 2>&1 | sed -n 's/.*version `\([^`]*\)`.*/\1/p')"
    exit 0
  fi
done

tools/require.sh go
echo "OpenFGA: building $version into .tools/bin, once; some minutes on a small machine"
mkdir -p "$bin"
# Downloads and compiler print nothing, so print a line now and then to show that the build still runs.
start=$(date +%s)
(while sleep 15 >/dev/null 2>&1 </dev/null; do echo "OpenFGA: still building, $(($(date +%s) - start)) s"; done) &
ticker=$!
trap 'kill $ticker 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
# Without DWARF, which -w leaves out of the binary anyway, it compiles faster.
GOBIN=$bin go install -gcflags=all=-dwarf=false \
  -ldflags "-s -w -X github.com/openfga/openfga/internal/build.Version=$version" \
  "github.com/openfga/openfga/cmd/openfga@$version"
echo "OpenFGA: built in $(($(date +%s) - start)) s"
