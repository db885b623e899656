# Everything a contributor types. `make help` lists the targets: the comment after ## is what it prints.
# Only `make generate` needs Node, for npm; it alone runs generators, whose output is checked in.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

HTTP_ADDR ?= 127.0.0.1:8080
GRPC_ADDR ?= 127.0.0.1:9090
DATA_DIR ?= data
# Users' features come from this Redis; empty means the embedded store under DATA_DIR.
REDIS_URL ?=

BUF_VERSION := 1.75.0
K6_VERSION := v1.8.1
export PATH := $(CURDIR)/.tools/node_modules/.bin:$(CURDIR)/.tools/bin:$(PATH)

# Go refuses to stamp a binary with a commit that git will not tell it, as in a checkout that another user owns.
BUILD_FLAGS := $(if $(shell git rev-parse HEAD 2>/dev/null),,-buildvcs=false)
# Packages whose promises are about concurrency.
RACE_PACKAGES := $(addsuffix /...,$(wildcard ./catalogue ./challenger ./contact ./decision ./eventlog ./evaluate/jobs ./features ./kill ./learn ./server))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## build bin/nextbest
	go build $(BUILD_FLAGS) -o bin/nextbest ./cmd/nextbest

# exec lets signals reach the service itself.
.PHONY: run
run: build ## serve the demo loops: REST on HTTP_ADDR, gRPC on GRPC_ADDR, data in DATA_DIR
	@exec bin/nextbest serve --loops loops --data "$(DATA_DIR)" --http "$(HTTP_ADDR)" --grpc "$(GRPC_ADDR)" \
		$(if $(REDIS_URL),--redis "$(REDIS_URL)")

.PHONY: demo
demo: build ## play a real campaign's customers against `make run` in another terminal
	@exec bin/nextbest demo --grpc "$(GRPC_ADDR)"

.PHONY: test
# The tests of cmd run real processes against real deadlines: they go alone, before statistics take every processor.
test: redis-server ## run all tests; installs redis-server when it is absent
	go test -timeout 10m ./cmd/...
	go test -timeout 10m $$(go list ./... | grep -v '/cmd/')

.PHONY: test-race
test-race: redis-server ## run the tests of the concurrent packages under the race detector
	go test -race -timeout 15m $(RACE_PACKAGES)

.PHONY: soak
soak: redis-server ## run the long forms of the tests (crashes, faults, statistics)
	NEXTBEST_SOAK=1 go test -count=1 -timeout 60m ./...

.PHONY: bench
bench: redis-server ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: fuzz
fuzz: ## fuzz each decoder for FUZZ_TIME (default 30s)
	.ci/fuzz $(or $(FUZZ_TIME),30s)

.PHONY: lint
lint: ## check format, go vet, staticcheck
	@unformatted=$$(find . -name '*.go' -not -path './.tools/*' -print0 | xargs -0 gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...

.PHONY: generate
generate: buf ## regenerate Go and OpenAPI from proto/, and what go:generate names; needs npm
	cd proto && buf lint && buf generate
	go tool openapiv3-merge proto/openapi/info.json proto/gen/openapi/nextbest/v1/*.openapi.json > proto/openapi/openapi.json
	go generate ./...

.PHONY: loadtest
loadtest: build redis-server k6 ## load service and baseline against a real Redis; LOADTEST_FLAGS="--help" says more
	go run ./loadtest/run $(LOADTEST_FLAGS)

.PHONY: loadtest-batch
loadtest-batch: build redis-server ## send times for a million recipients beside single calls; BATCH_FLAGS="--help" says more
	go run ./loadtest/batch $(BATCH_FLAGS)

.PHONY: clean
clean: ## remove what was built and the tools that were installed; keeps DATA_DIR
	rm -rf bin .tools

.PHONY: redis-server
redis-server:
	@.ci/redis-server

.PHONY: buf
buf:
	@command -v npm >/dev/null || { echo "make generate needs npm, to install buf $(BUF_VERSION)" >&2; exit 1; }
	@[ "$$(buf --version 2>/dev/null)" = "$(BUF_VERSION)" ] || { echo "installing buf $(BUF_VERSION) into .tools"; \
	npm install --prefix .tools --no-save --no-audit --no-fund --ignore-scripts --loglevel error @bufbuild/buf@$(BUF_VERSION); }

.PHONY: k6
k6:
	@[ -x .tools/bin/k6 ] && go version -m .tools/bin/k6 | grep -q "mod.*go.k6.io/k6.*$(K6_VERSION)" || { \
	echo "building k6 $(K6_VERSION) into .tools/bin: this takes some minutes, once"; \
	GOBIN=$(CURDIR)/.tools/bin go install go.k6.io/k6@$(K6_VERSION); }
