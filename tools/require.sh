#!/bin/sh
# tools/require.sh node|go: prints what to install when it is missing or too old.
set -eu

fail() {
  echo "Patwarden needs $1, found ${2:-none}. Get it from $3." >&2
  exit 1
}

# at_least 20.19 20.20.2
at_least() {
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

case $1 in
  node)
    version=$(node --version 2>/dev/null | sed 's/^v//') || true
    at_least 20.19 "${version:-0}" || fail "Node.js >= 20.19" "$version" https://nodejs.org/
    npm --version >/dev/null 2>&1 || fail "npm, which comes with Node.js" "" https://nodejs.org/
    ;;
  go)
    # Run outside of the checkout: it must be the installed version, not the one that a go.mod would download.
    version=$(cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//') || true
    at_least 1.26 "${version:-0}" || fail "Go >= 1.26 to build OpenFGA, or an openfga on the PATH" "$version" https://go.dev/dl/
    ;;
esac
