#!/usr/bin/env bash
# Tests the Go client: format, lint, tests, documentation, the published module, the README and the example. Progress
# goes to stderr; the last line of stdout is "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

say() { echo "$*" >&2; }

if [ -z "${PATWARDEN_CLIENT_TESTS:-}" ]; then
  say "PATWARDEN_CLIENT_TESTS is not set: run 'npx tsx test/clients/run.ts go' in the root of the repository"
  exit 2
fi
version=$(go env GOVERSION 2>/dev/null || true)
if ! [[ $version =~ ^go1\.([0-9]+) ]] || [ "${BASH_REMATCH[1]}" -lt 25 ]; then
  echo "SKIPPED: go: Go >= 1.25 is missing (found ${version:-none}), get it from https://go.dev/dl/"
  exit 77
fi

passed=0
failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# step NAME COMMAND…: counts as one; what it prints is shown when it fails.
step() {
  local name=$1 status
  shift
  # Not as a condition: there, errexit would be off within.
  set +e
  (set -e && "$@") >"$scratch/step" 2>&1
  status=$?
  set -e
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
    say "ok: $name"
  else
    failed=$((failed + 1))
    say "FAILED: $name"
    cat "$scratch/step" >&2
  fi
}

# from_environment .keys.admin
from_environment() { node -p "JSON.parse(fs.readFileSync(process.env.PATWARDEN_CLIENT_TESTS, 'utf8'))$1"; }

formatted() {
  local unformatted
  unformatted=$(gofmt -l .)
  [ -z "$unformatted" ] || { echo "not formatted: $unformatted"; return 1; }
}

vetted() {
  go vet ./...
  (cd internal/publish && go vet ./...)
  if command -v staticcheck >/dev/null; then staticcheck . ./example; fi
}

tidy() {
  go mod tidy -diff
  go mod verify
}

documented() {
  local text
  text=$(go doc -all .)
  [[ $text == *"func (c *Client) Check("* ]]
}

# Compiles what the module proxy would serve.
published() {
  (cd internal/publish && go run . ../.. v0.1.0 "$scratch/published")
  cd "$scratch/published"
  go vet ./...
}

followed() {
  cd ../..
  npx --no-install tsx test/clients/first-steps.ts go
}

exemplified() {
  ENDPOINT=$(from_environment .endpoint) KEY=$(from_environment .keys.admin) go run ./example
}

# Counts what has no subtests. A test that was skipped was not passed, and a package that does not build fails.
tested() {
  local race=()
  if [ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null; then race=(-race); fi
  local status=0
  go test "${race[@]}" -count=1 -timeout 10m -json ./... >"$scratch/events" 2>"$scratch/errors" || status=$?
  cat "$scratch/errors" >&2
  local counts
  counts=$(awk '
    function field(name, found) {
      if (!match($0, "\"" name "\":\"([^\"\\\\]|\\\\.)*\"")) return ""
      found = substr($0, RSTART, RLENGTH)
      return substr(found, length(name) + 5, length(found) - length(name) - 5)
    }
    { action = field("Action"); test = field("Test") }
    test == "" || action !~ /^(pass|fail|skip)$/ { next }
    {
      outcome[test] = action
      for (parent = test; sub(/\/[^\/]*$/, "", parent);) parents[parent] = 1
    }
    END {
      for (test in outcome) if (!(test in parents)) outcome[test] == "pass" ? passed++ : failed++
      print passed + 0, failed + 0
    }' "$scratch/events")
  read -r tests failures <<<"$counts"
  if [ "$status" -ne 0 ] && [ "$failures" -eq 0 ]; then failures=1; fi
  if [ "$failures" -gt 0 ]; then node -e '
    for (const line of fs.readFileSync(process.argv[1], "utf8").split("\n").filter(Boolean)) {
      const event = JSON.parse(line);
      if (event.Output && !/^\s*(=== |--- PASS|PASS)/.test(event.Output)) process.stderr.write(event.Output);
    }' "$scratch/events"; fi
  passed=$((passed + tests))
  failed=$((failed + failures))
  say "tests${race[*]:+ with the race detector}: $tests passed, $failures failed"
}

go mod download
step "format" formatted
step "lint" vetted
step "go.mod" tidy
step "documentation" documented
tested
step "module as published" published
step "README" followed
step "example" exemplified

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
