#!/bin/sh
# Makes gitleaks available to the tests of examples/scanning: the one on the PATH, else the one in .tools/bin, else
# built there, once.
set -eu
version=v8.30.1
cd "$(dirname "$0")/.."

if ! command -v gitleaks >/dev/null && ! [ -x .tools/bin/gitleaks ]; then
  tools/require.sh go
  echo "gitleaks: building $version into .tools/bin, once; a minute or two"
  GOBIN=$PWD/.tools/bin go install -gcflags=all=-dwarf=false -ldflags "-s -w" "github.com/zricethezav/gitleaks/v8@$version"
fi
