#!/bin/sh
# Builds the program into a folder, again when it has changed, and becomes it.
set -eu
folder=${1:?the folder to build in}
cd "$(dirname "$0")"
sources=$(cat pom.xml src/main/java/dev/patwarden/libraries/*.java)
if [ "$sources" != "$(cat "$folder/built.txt" 2>/dev/null)" ]; then
  rm -rf "$folder"
  mvn --batch-mode --quiet --no-transfer-progress -Dfolder="$folder" compiler:compile dependency:copy-dependencies >&2
  printf '%s' "$sources" >"$folder/built.txt"
fi
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$folder/classes:$folder/dependency/*" dev.patwarden.libraries.Libraries
