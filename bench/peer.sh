#!/bin/sh
# Starts Patwarden as one peer of a side-by-side benchmark: PORT, DATABASE_URL, FGA_GRPC, FGA_STORE, FGA_MODEL and
# SERVICE_KEY come from the environment. The configuration goes to a folder of its own, since every start has other ids.
set -eu
# Variables of the benchmark itself; the configuration does not have these keys.
unset PATWARDEN_CMD PATWARDEN_SEED
cd "$(dirname "$0")/.."
config=$(mktemp -d)/patwarden.yaml
hash=$(printf %s "$SERVICE_KEY" | sha256sum | cut -d ' ' -f 1)
cat >"$config" <<YAML
log: { level: warn }
grpc: { listen: "127.0.0.1:$PORT" }
http: { listen: "127.0.0.1:0" }
metrics: { listen: "127.0.0.1:0" }
database: { url: "$DATABASE_URL" }
openfga: { addresses: ["$FGA_GRPC"], store_id: "$FGA_STORE", model_id: "$FGA_MODEL" }
tokens: { peppers: [{ version: 1, key: "$(node_modules/.bin/tsx bench/seed.ts --pepper)", active: true }] }
callers: [{ name: bench, key_sha256: ["$hash"], permissions: [check, tokens.impersonate] }]
YAML
node dist/main.js migrate --config "$config"
exec node dist/main.js serve --config "$config"
