#!/usr/bin/env bash
# Formats, lints, tests, packages and runs the Java client against a running server: see ../vectors/README.md.
# Prints progress to stderr and, last, "N passed, N failed".
set -u
cd "$(dirname "$0")"

say() { printf '%s\n' "$*" >&2; }
missing() {
  echo "SKIPPED: java: $1"
  exit 77
}

java_version=$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p')
[ -n "$java_version" ] && [ "$java_version" -ge 17 ] && command -v javac > /dev/null ||
  missing "no JDK >= 17: apt-get install openjdk-17-jdk-headless, or https://adoptium.net"
command -v mvn > /dev/null || missing "no Maven >= 3.8: apt-get install maven"
if [ -z "${PATWARDEN_CLIENT_TESTS:-}" ]; then
  say "PATWARDEN_CLIENT_TESTS is not set; run: npx tsx test/clients/run.ts java (in the root)"
  exit 2
fi

# Nothing here runs long enough to be worth optimizing.
quick="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
export MAVEN_OPTS="$quick ${MAVEN_OPTS:-}"

passed=0
failed=0

# Counts a step, whose output is shown.
step() {
  local name=$1
  shift
  say "--- $name"
  if "$@" >&2; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "FAILED: $name"
  fi
}

maven() { mvn --batch-mode --quiet --no-transfer-progress -Dstyle.color=never "-DargLine=$quick" "$@"; }

# Adds up what the tests of a module reported; a module without reports has failed.
count() {
  local report tests bad
  local reports=("$1"/target/surefire-reports/TEST-*.xml)
  if [ ! -e "${reports[0]}" ]; then
    failed=$((failed + 1))
    say "FAILED: $1 has no test reports"
    return
  fi
  for report in "${reports[@]}"; do
    read -r tests bad < <(
      sed -nE '/<testsuite /{
        s/.* tests="([0-9]+)".*/\1/p
        q
      }' "$report" | tr '\n' ' '
      grep -cE '<(failure|error|skipped)[ />]' "$report"
    )
    passed=$((passed + tests - bad))
    failed=$((failed + bad))
  done
}

# The jars that would be published.
check_jars() {
  local folder=$1 name=$2 class=$3 kind file
  for kind in "" -sources -javadoc; do
    file="$folder/target/$name-0.1.0$kind.jar"
    [ -s "$file" ] || { say "there is no $file"; return 1; }
  done
  local listing
  listing=$(jar tf "$folder/target/$name-0.1.0.jar")
  grep -qx "META-INF/LICENSE" <<< "$listing" || { say "no license in $name"; return 1; }
  grep -qx "$class.class" <<< "$listing" || { say "no $class in $name"; return 1; }
  if grep -q "Test" <<< "$listing"; then say "tests in $name"; return 1; fi
  jar tf "$folder/target/$name-0.1.0-sources.jar" | grep -x "$class.java" > /dev/null
}

check_package() {
  check_jars . patwarden-client dev/patwarden/client/PatwardenClient &&
    check_jars spring patwarden-spring dev/patwarden/spring/PatwardenFilter
}

run_example() {
  ENDPOINT=$(value endpoint) KEY=$(value keys.admin) maven -f example/pom.xml compile exec:java
}

value() {
  node -p "JSON.parse(require('fs').readFileSync(process.env.PATWARDEN_CLIENT_TESTS)).$1"
}

rm -rf target spring/target
step "format" maven -f parent/pom.xml spotless:check
# Compiles with all warnings as errors, tests, and installs the jars for the example.
step "build" maven -f parent/pom.xml install -Dmaven.test.failure.ignore=true
count .
count spring
step "package" check_package
step "newest protobuf-java" maven -f pom.xml surefire:test -Dprotobuf.version=4.36.2 -Dtest=VectorsTest
step "example" run_example
step "README" bash -c 'cd ../.. && npx --no-install tsx test/clients/first-steps.ts java'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
