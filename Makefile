# Every target installs what it needs. Required: Node >= 20.19 with npm, Go >= 1.26 (only to build OpenFGA once), make.
.PHONY: help demo dev test test-clients bench soak endure build lint format generate api-baseline openfga gateways gitleaks http2-suites clean
.DEFAULT_GOAL := help
# tsc writes dist/main.js even when it finds errors; make must then not treat it as built.
.DELETE_ON_ERROR:

sources := $(shell find src gen console -type f ! -name '*.test.ts' ! -name '*.md') $(wildcard tsconfig*.json) tools/build.mjs tools/console.mjs \
	$(wildcard tools/driver/*)
example := examples/direct

help: ## prints this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s%s\n", $$1, $$2 }' Makefile

demo: build openfga ## shows everything once: tokens created, allowed, denied, revoked, refused; keeps nothing
	@node tools/demo.mjs

dev: build openfga ## starts a server to try out, on 127.0.0.1:9081 and :9080, data in .patwarden/
	@node dist/main.js dev --examples

test: build openfga ## runs every check and every test, also of the clients; ends with "N passed, N failed"
	@node tools/test.mjs

test-clients: build openfga ## tests the clients in all five languages against a real server; CLIENTS="go rust": only these
	@node --import tsx test/clients/run.ts $(CLIENTS)

bench: build openfga ## compares with OpenFGA itself, about 20 minutes; BENCH=short: only checks that it works; RECORD="...": keeps the result
	@node --import tsx bench/bench.ts $(BENCH) $(if $(RECORD),--record "$(RECORD)")

soak: build openfga ## runs three replicas under load, restarts and failures, over TLS, SOAK_MINUTES=10
	@node --import tsx bench/soak.ts

endure: build openfga ## repeats the test suites of revocation, outages, lost replicas and states, MINUTES=60
	@node tools/endure.mjs

build: dist/main.js ## compiles to dist/

lint: node_modules/.installed ## runs biome, and buf on the API: style, format, breaking changes
	@npm run --silent lint

format: node_modules/.installed ## formats everything
	@npm run --silent format

generate: node_modules/.installed ## generates gen/ and the stubs of all clients from the protos; commit the result
	@npm run --silent generate

api-baseline: node_modules/.installed ## at a release: records the API that later changes must not break
	@npx --no-install buf build proto --exclude-source-info -o tools/api-baseline.binpb

openfga: ## finds OpenFGA on PATH or in .tools/bin, else builds it there
	@tools/openfga.sh

gateways: ## installs Envoy and Caddy for the tests of the integrations into .tools/ (nginx, Apache: from the system)
	@tools/gateways.sh

gitleaks: ## installs gitleaks for the tests of examples/scanning into .tools/
	@tools/gitleaks.sh

http2-suites: ## builds h2spec and the gRPC suites for the tests of the transport into .tools/ (h2load: from the system)
	@tools/http2-suites.sh

clean: ## removes what was built; .tools/ and .patwarden/ stay
	@rm -rf dist node_modules *.tsbuildinfo

node_modules/.installed: package-lock.json package.json
	@tools/require.sh node
	@echo "installing npm packages"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

dist/main.js: node_modules/.installed $(sources)
	@echo "building dist/"
	@npm run --silent build
