#!/usr/bin/env bash
# Builds, lints and tests the client and its package. The last line of stdout is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")"

if [[ -z "${PATWARDEN_CLIENT_TESTS:-}" ]]; then
  echo "PATWARDEN_CLIENT_TESTS is not set; run: npx tsx test/clients/run.ts rust (in the root)" >&2
  exit 2
fi
skip() {
  echo "SKIPPED: rust: $1"
  exit 77
}
command -v cargo >/dev/null || skip "no cargo; get Rust >= 1.88 from https://rustup.rs"
oldest="$(printf '1.88.0\n%s\n' "$(rustc --version | cut -d' ' -f2)" | sort -V | head -n 1)"
[[ "$oldest" == 1.88.0 ]] || skip "Rust is older than 1.88; get a newer one: rustup update"
for component in fmt clippy; do
  cargo "$component" --version >/dev/null 2>&1 || skip "no cargo $component; get it: rustup component add rustfmt clippy"
done

# Kept between runs, and ignored by git.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../../.tools/cargo-target/rust}"
# One target for all steps, whatever the machine has set.
unset RUSTFLAGS RUSTDOCFLAGS
passed=0
failed=0

# step NAME COMMAND...: counts as one test.
step() {
  echo "rust: $1" >&2
  if "${@:2}" >&2; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "rust: FAILED: $1" >&2
  fi
}

tests() {
  echo "rust: tests" >&2
  local log code
  log="$(mktemp)"
  timeout 1500 cargo test --locked --all-features --no-fail-fast 2>&1 | tee "$log" >&2
  code=$?
  local ok bad
  read -r ok bad < <(awk '/^test result: / { for (i = 2; i <= NF; i++) { if ($i == "passed;") p += $(i - 1); if ($i == "failed;") f += $(i - 1) } } END { print p + 0, f + 0 }' "$log")
  rm "$log"
  passed=$((passed + ok))
  failed=$((failed + bad))
  # It did not get as far as counting.
  if ((code != 0 && bad == 0)); then failed=$((failed + 1)); fi
}

documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features
}

# Builds the package from the files that would be published.
package() {
  local files
  cargo package --locked --allow-dirty --quiet && files="$(cargo package --locked --allow-dirty --quiet --list)" || return 1
  for file in README.md CHANGELOG.md LICENSE src/lib.rs src/pb/patwarden.v1.rs examples/quickstart.rs; do
    grep -qxF "$file" <<<"$files" || { echo "the package lacks $file"; return 1; }
  done
  if grep -E '^(tests|benches|target)/' <<<"$files"; then
    echo "the package holds what nobody needs"
    return 1
  fi
}

entry() {
  node -p "JSON.parse(fs.readFileSync(process.env.PATWARDEN_CLIENT_TESTS)).$1"
}

example() {
  local output
  output="$(PATWARDEN_ENDPOINT="$(entry endpoint)" PATWARDEN_KEY="$(entry keys.admin)" \
    timeout 300 cargo run --locked --quiet --example quickstart)" || return 1
  echo "$output"
  grep -qx 'viewer of roadmap: allowed, Allowed' <<<"$output" &&
    grep -qx 'editor of roadmap: denied, NotGranted' <<<"$output" &&
    grep -qx 'revoked: allowed false, TokenRevoked' <<<"$output"
}

step "format" cargo fmt --check
step "clippy" cargo clippy --locked --all-targets --all-features -- -D warnings
step "clippy, without features" cargo clippy --locked --lib --no-default-features -- -D warnings
tests
step "documentation" documentation
step "package" package
step "example" example
step "README" bash -c 'cd ../.. && npx --no-install tsx test/clients/first-steps.ts rust'

echo "$passed passed, $failed failed"
((failed == 0))
