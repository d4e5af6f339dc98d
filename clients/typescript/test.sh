#!/usr/bin/env bash
# Tests the client against the server that PATWARDEN_CLIENT_TESTS describes. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")"

if [ -z "${PATWARDEN_CLIENT_TESTS:-}" ]; then
  echo "PATWARDEN_CLIENT_TESTS is not set; run: npx tsx test/clients/run.ts typescript (in the root)" >&2
  exit 2
fi
if ! command -v npm >/dev/null || ! node -e '
  const [major, minor] = process.versions.node.split(".").map(Number);
  process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1);' 2>/dev/null; then
  echo "SKIPPED: typescript: Node >= 20.19 with npm is missing, https://nodejs.org/"
  exit 77
fi

passed=0
failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Counts a command as one.
step() {
  local name=$1
  shift
  echo "typescript: $name" >&2
  if "$@" >&2; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "typescript: $name FAILED" >&2
  fi
}

install_packages() {
  [ node_modules/.package-lock.json -ot package-lock.json ] || return 0
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
}

unit_tests() {
  local report=$folder/report.json status=0
  npx --no-install vitest run --reporter=default --reporter=json --outputFile.json="$report" >&2 || status=$?
  local counts
  # A file that cannot be loaded, and an error outside of the tests, are failures too.
  counts=$(node -e '
    const report = JSON.parse(fs.readFileSync(process.argv[1], "utf8"));
    const { numPassedTests: passed, numFailedTests: failed, numTotalTests: total } = report;
    const others = total - passed - failed;
    console.log(passed, failed + others || (process.argv[2] === "0" ? 0 : 1));' "$report" "$status") || counts="0 1"
  read -r tests_passed tests_failed <<<"$counts"
  passed=$((passed + tests_passed))
  failed=$((failed + tests_failed))
}

if ! install_packages >&2; then
  echo "0 passed, 1 failed"
  exit 1
fi
step "lint" npm run --silent lint
echo "typescript: tests" >&2
unit_tests
step "build" npm run --silent build
step "API docs" npx --no-install typedoc --logLevel Warn
step "package" npx --no-install tsx test/published/package.ts "$folder"
step "examples" npx --no-install tsx test/published/example.ts "$folder"
step "README" bash -c 'cd ../.. && npx --no-install tsx test/clients/first-steps.ts typescript'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
