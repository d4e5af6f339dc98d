#!/usr/bin/env bash
# Tests the client against the server that PATWARDEN_CLIENT_TESTS describes. Its last line is "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

if [[ -z "${PATWARDEN_CLIENT_TESTS:-}" ]]; then
  echo "PATWARDEN_CLIENT_TESTS is not set; run: npx tsx test/clients/run.ts python (in the root)" >&2
  exit 2
fi
python=${PYTHON:-python3}
if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  echo "SKIPPED: python: Python >= 3.10 with venv is missing; install python3 and python3-venv, or name one by PYTHON=..."
  exit 77
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

passed=0
failed=0

# step NAME COMMAND...: one of what is counted.
step() {
  echo "- $1" >&2
  if "${@:2}" >&2; then
    passed=$((passed + 1))
  else
    echo "FAILED: $1" >&2
    failed=$((failed + 1))
  fi
}

# environment FOLDER REQUIREMENTS: a virtual environment with them, made again when they have changed.
environment() {
  local wanted
  wanted=$("$python" --version && cat "$2")
  [[ -f "$1/wanted" && "$(cat "$1/wanted")" == "$wanted" ]] && return
  rm -rf "$1" && "$python" -m venv "$1" && "$1/bin/pip" install --quiet --requirement "$2" && echo "$wanted" >"$1/wanted"
}

# tests NAME FOLDER: each test is counted.
tests() {
  echo "- tests with the $1 versions" >&2
  local report=".build/tests-$1.xml" counts
  rm -f "$report"
  "$2/bin/python" -m pytest --quiet --no-header --junit-xml "$report" >&2 || true
  # A test that is skipped has not passed.
  counts=$("$python" - "$report" <<'PYTHON' || echo "0 1"
import sys
import xml.etree.ElementTree

suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot().find("testsuite")
total, *bad = (int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped"))
print(max(total - sum(bad), 0), sum(bad) if total else 1)
PYTHON
  )
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
}

build() {
  rm -rf .build/dist
  .venv/bin/python -m build --no-isolation --outdir .build/dist . >.build/build.log 2>&1 || { cat .build/build.log; return 1; }
  .venv/bin/twine check --strict .build/dist/*
}

mkdir -p .build
echo "- setting up" >&2
if environment .venv requirements/newest.txt && environment .venv-floor requirements/floor.txt &&
  .venv/bin/pip install --quiet --no-deps --no-build-isolation --editable .; then
  step "ruff" .venv/bin/ruff check .
  step "format" .venv/bin/ruff format --check .
  step "mypy" .venv/bin/mypy
  tests newest .venv
  step "wheel and sdist" build
  step "content of the wheel and the sdist" .venv/bin/python tests/package.py .build/dist
  step "documentation" .venv/bin/pdoc --output-directory .build/docs patwarden
  # With the oldest versions it is the wheel that is tested.
  step "installs" .venv-floor/bin/pip install --quiet --force-reinstall --no-deps .build/dist/*.whl
  step "requirements" .venv-floor/bin/pip check
  tests floor .venv-floor
  step "README" bash -c 'cd ../.. && npx --no-install tsx test/clients/first-steps.ts python'
else
  echo "FAILED: setting up" >&2
  failed=$((failed + 1))
fi

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
