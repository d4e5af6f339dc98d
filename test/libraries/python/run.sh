#!/bin/sh
# Installs what the program needs into a folder, again when that has changed, and becomes it.
set -eu
folder=${1:?the folder to install into}
cd "$(dirname "$0")"
if ! cmp -s requirements.txt "$folder/installed.txt"; then
  python3 -m venv --clear "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt >&2
  cp requirements.txt "$folder/installed.txt"
fi
exec "$folder/bin/python" -B libraries.py
