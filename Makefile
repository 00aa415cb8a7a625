# Everything that a developer or CI runs. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)
LINT     := go tool -modfile=tools/go.mod golangci-lint
# A count, not a time: at the end of a time, Go 1.26 reports "context deadline
# exceeded" for a target that found nothing (golang/go#75804).
FUZZTIME ?= 100000x
SEED     ?= 1
JOBS     ?= 1000000

# Packages that are tested at once: most tests wait, for times that the protocol
# sets, and leave the processors to others.
AT_ONCE  := 4

# Files behind a build tag, which ./... leaves out, and where they are.
TAGS     := chaos,sandbox
TAGGED   := ./cmd/worker ./internal/proof/sandbox

# The version is linked in above; go's own stamping would only add a way to
# fail, in a checkout that belongs to another user.
export GOFLAGS += -buildvcs=false

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: ## refund everything once against the simulator, with NATS embedded; KEEP=1: and stay up
	go run ./cmd/demo $(if $(KEEP),--keep)

.PHONY: newcomer
newcomer: ## run README's way from nothing to a first result, in a fresh clone; needs curl and the demo's ports
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; git clone -q . "$$dir/clone"; cd "$$dir/clone"; \
	awk '/^```sh$$/ {text = ""; on = 1; next} /^```$$/ {if (on && text ~ /demo --keep/) {printf "%s", text; exit} on = 0} on {text = text $$0 "\n"}' \
	  README.md >first.sh; \
	SECONDS=0; timeout 600 bash -euo pipefail first.sh | tee first.out; \
	grep -q '"refund_id":"try-1".*"status":"succeeded"' first.out && grep -q 'try-1 .*Rp 25.000' first.out && grep -q '"state":"succeeded"' first.out; \
	echo "a first result, read three ways, after $$SECONDS s"

.PHONY: test
test: ## run all tests; needs Go alone
	go test -p $(AT_ONCE) ./...

.PHONY: check
check: fmt vet lint race ## formatting, vet, lint and the tests under the race detector

.PHONY: fmt
fmt: ## fail where gofmt would change a file
	@files=$$(gofmt -l .); \
	if [[ -n "$$files" ]]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi

.PHONY: vet
vet: ## go vet
	go vet ./...
	go vet -tags $(TAGS) $(TAGGED)

.PHONY: lint
lint: ## golangci-lint at the version pinned in tools/go.mod
	$(LINT) run ./...
	$(LINT) run --build-tags $(TAGS) $(TAGGED)

.PHONY: race
race: ## run all tests under the race detector; needs a C compiler
	CGO_ENABLED=1 go test -race -p $(AT_ONCE) ./...

.PHONY: virtualtime
virtualtime: ## run the real worker through hours on a fake clock
	LONG_PROOFS=1 go test -count=1 -timeout 20m ./internal/proof/virtualtime

.PHONY: interruptions
interruptions: ## end workers between any two effects of every scenario
	LONG_PROOFS=1 go test -count=1 -timeout 20m -run 'BetweenAnyTwoEffects' ./internal/service

.PHONY: fuzz
fuzz: ## run each fuzz target FUZZTIME (100000x) times
	@grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . \
	  | sed -E 's|/[^/]*:func | |' | sort -u | while read -r dir target; do \
	    echo "fuzz $$dir $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null; \
	  done

.PHONY: sim
sim: ## simulate JOBS (1000000) refunds with every kind of fault, from SEED (1)
	go run ./internal/proof/sim/run -seed $(SEED) -jobs $(JOBS)

.PHONY: model
model: ## walk every order of events of one refund (ARGS=-update: docs/model.md)
	go test -count=1 -timeout 10m -v -run 'Paid|Mutation' ./internal/proof/model -args -whole $(ARGS)

.PHONY: bench
bench: ## run all benchmarks, then the whole way with real processes, beside the floor; docs/benchmarks.md
	go test -run '^$$' -bench . -benchmem ./...
	go run ./internal/proof/bench
	go run ./internal/proof/bench --concurrency 64 --delay 50ms,500ms --sync off --rounds 1 --pace 0
	go run ./internal/proof/bench --concurrency 64 --replicas 3 --rounds 1 --pace 0

.PHONY: bench-short
bench-short: ## run every benchmark once, and the whole way with few refunds: that they run, not how fast
	go test -run '^$$' -bench . -benchtime 1x ./...
	go run ./internal/proof/bench --concurrency 16 --jobs 200 --rounds 1 --pace 50 --pace-for 1s --delay 0s,10ms
	go run ./internal/proof/bench --concurrency 16 --jobs 200 --rounds 1 --pace 0 --replicas 3 --sync off

.PHONY: chaos-short
chaos-short: ## kill workers and NATS at every point once, and some short storms
	LONG_PROOFS=1 go test -count=1 -timeout 20m ./internal/proof/chaos

.PHONY: chaos
chaos: ## kill workers, NATS and leaders at every point and at random, for a quarter of an hour; docs/chaos.md
	LONG_PROOFS=1 CHAOS_SEED=$${CHAOS_SEED:-$$RANDOM} CHAOS_POINTS=$${CHAOS_POINTS:-full} \
	CHAOS_WORKER_KILLS=$${CHAOS_WORKER_KILLS:-1000} CHAOS_NATS_KILLS=$${CHAOS_NATS_KILLS:-200} \
	CHAOS_LEADER_KILLS=$${CHAOS_LEADER_KILLS:-50} go test -count=1 -v -timeout 60m ./internal/proof/chaos

.PHONY: sandbox
sandbox: ## probe DOKU's sandbox with the worker's DOKU_* settings, moving no money; docs/sandbox.md
	SANDBOX_TRANSCRIPT=$${SANDBOX_TRANSCRIPT:-$(CURDIR)/sandbox-transcript.jsonl} \
	go test -tags sandbox -count=1 -v -timeout 60m -run '^TestSandbox$$' ./internal/proof/sandbox

.PHONY: build
build: ## build all programs into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: module
module: ## move the module to the import path TO, for whoever hosts it
	@[[ -n "$(TO)" ]] || { echo "usage: make module TO=github.com/you/refundworker"; exit 2; }
	from=$$(go list -m); git grep -lF "$$from" | xargs sed -i "s#$$from#$(TO)#g"; gofmt -w $$(git ls-files '*.go')
	go build ./... && git diff --shortstat

.PHONY: asyncapi
asyncapi: ## hold docs/asyncapi.yaml against AsyncAPI's own parser; needs Node.js and npm
	cd tools/asyncapi && npm ci --ignore-scripts --no-audit --no-fund --silent
	node tools/asyncapi/check.mjs docs/asyncapi.yaml

.PHONY: openapi
openapi: ## hold docs/openapi.yaml against the schema of OpenAPI 3.1; needs Node.js and npm
	cd tools/openapi && npm ci --ignore-scripts --no-audit --no-fund --silent
	node tools/openapi/check.mjs docs/openapi.yaml

.PHONY: http-examples
http-examples: ## run the examples of docs/gateway.md; needs curl, PHP with its curl, Python 3 and Java 17
	HTTP_EXAMPLES=1 go test -count=1 -v -run 'ExamplesOverHTTP' ./docs

.PHONY: nats-snippets
nats-snippets: ## run the documents' shell snippets with the nats CLI at the version pinned in tools/natscli
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	go build -C tools/natscli -o "$$dir/nats" github.com/nats-io/natscli/nats; \
	NATS_CLI="$$dir" go test -count=1 -v -run 'ShellSnippet' ./docs

.PHONY: typescript
typescript: ## build and test clients/typescript against NATS and a worker; needs Node.js and npm
	cd clients/typescript && npm ci --ignore-scripts --no-audit --no-fund --silent && node generate.mjs --check && npm run --silent build
	TYPESCRIPT=1 go test -count=1 ./clients/typescript

.PHONY: validate
validate: ## validate deploy/ with promtool, buildah and compose's own library
	deploy/validate.sh
