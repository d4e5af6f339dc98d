#!/bin/sh
# Builds the program into a folder, and becomes it.
set -eu
folder=${1:?the folder to build in}
cd "$(dirname "$0")"
go build -o "$folder/libraries" . >&2
exec "$folder/libraries"
