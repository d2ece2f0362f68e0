# Sipward: `make` alone lists the targets.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null)
DATE     ?= $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
PROGRAM  := github.com/sipward/sipward/internal/program
LDFLAGS  := -s -w -X main.version=$(VERSION) -X $(PROGRAM).commit=$(COMMIT) -X $(PROGRAM).date=$(DATE)
BIN      := bin
TOOLS    := $(BIN)/tools

# Every program that has a main package in its place.
PROGRAMS := $(patsubst %/,%,$(sort $(dir $(wildcard agent/*.go collector/*.go))))

GOLANGCI_VERSION := v2.15.0
NFPM_VERSION     := v2.43.4
NFPM             := $(TOOLS)/nfpm-$(NFPM_VERSION)
ARCHS            ?= amd64 arm64
OUT              ?= dist
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

FUZZTIME ?= 60s
FUZZJOBS ?= 1
FUZZPKG  ?= ./...
BENCH    ?= .
BENCHPKG ?= ./...
BENCHTIME ?= 1s
SOAKTIME ?= 10m
CHAOSTIME ?= 90s
DEMO_SECONDS ?= 40
TESTFLAGS ?=

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z0-9-]*:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: $(if $(shell command -v npm),ui) ## build the programs as static binaries into bin/
	@mkdir -p $(BIN)
	@for p in $(PROGRAMS); do \
	  echo "build $(BIN)/sipward-$$p $(VERSION)"; \
	  CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/sipward-$$p ./$$p; \
	done

# The dashboard's pages go into the collector. They are built when npm is there and
# their sources are newer; without Node a page says how to build them.
UI      := collector/ui
UI_DIST := collector/web/dist/index.html
UI_SRC  := $(shell git ls-files $(UI) 2>/dev/null | grep -v ^$(UI)/test/)

$(UI)/node_modules/.package-lock.json: $(UI)/package.json $(UI)/package-lock.json
	cd $(UI) && npm ci --no-audit --no-fund
	@touch $@

$(UI_DIST): $(UI)/node_modules/.package-lock.json $(UI_SRC)
	cd $(UI) && npm run build && npm run size
	@touch $@

.PHONY: ui
ui: $(UI_DIST) ## build the dashboard's pages into the collector (Node.js 20.19, npm)

.PHONY: ui-test
ui-test: $(UI)/node_modules/.package-lock.json ## types and unit tests of the dashboard's pages
	cd $(UI) && npm run check && npm test

# The dashboard in a real browser, in front of the demo's collector. Chromium is the
# system's own.
BROWSER := test/browser

$(BROWSER)/node_modules/.package-lock.json: $(BROWSER)/package.json $(BROWSER)/package-lock.json
	cd $(BROWSER) && npm ci --no-audit --no-fund
	@touch $@

.PHONY: browser
browser: build $(BROWSER)/node_modules/.package-lock.json ## every page and feature in Chromium; screenshots in dist/screenshots; root
	cd $(BROWSER) && npm run check && npm test

.PHONY: bench-ui
bench-ui: build $(BROWSER)/node_modules/.package-lock.json ## how fast the dashboard's pages are, in Chromium
	cd $(BROWSER) && npm run --silent bench

PREFIX  ?= /usr/local
DESTDIR ?=
.PHONY: install
install: ## install what `make build` made, with units, manual pages and completions (PREFIX=/usr/local DESTDIR=)
	@GO='$(GO)' scripts/install '$(PREFIX)' '$(DESTDIR)'

.PHONY: test
test: ## go vet, then every test with the race detector (TESTFLAGS=-short for less)
	$(GO) vet ./...
	@GO=$(GO) scripts/test $(TESTFLAGS)

.PHONY: lint
lint: $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION) ## gofmt, golangci-lint, shellcheck, promtool
	@scripts/lint $<

$(TOOLS)/golangci-lint-$(GOLANGCI_VERSION):
	@mkdir -p $(TOOLS)
	GOBIN=$(CURDIR)/$(TOOLS) CGO_ENABLED=0 $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(TOOLS)/golangci-lint $@

$(NFPM):
	@mkdir -p $(TOOLS)
	GOBIN=$(CURDIR)/$(TOOLS) CGO_ENABLED=0 $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	@mv $(TOOLS)/nfpm $@

# What the scripts of packages and releases are told.
RELEASE_ENV = GO='$(GO)' VERSION='$(VERSION)' COMMIT='$(COMMIT)' DATE='$(DATE)' LDFLAGS='$(LDFLAGS)' \
  NATIVE_ARCH='$(shell $(GO) env GOHOSTARCH)'

.PHONY: packages
packages: $(if $(shell command -v npm),ui) $(NFPM) ## Debian packages of both programs in dist (ARCHS="amd64 arm64")
	@$(RELEASE_ENV) scripts/binaries $(OUT) $(ARCHS)
	@$(RELEASE_ENV) scripts/packages $(NFPM) $(OUT) $(ARCHS)

.PHONY: packages-test
ROOTFS ?= bin/cache/debian.tar
packages-test: $(NFPM) ## install, upgrade, remove and purge the packages on a Debian with systemd, lintian; root
	@scripts/units
	@scripts/rootfs $(ROOTFS)
	@rm -rf $(BIN)/packages
	@mkdir -p $(BIN)/packages
	@$(RELEASE_ENV) VERSION=v0.0.0 scripts/binaries $(BIN)/packages $(shell $(GO) env GOHOSTARCH)
	@$(RELEASE_ENV) VERSION=v0.0.0 COMPRESSION=gzip scripts/packages $(NFPM) $(BIN)/packages $(shell $(GO) env GOHOSTARCH)
	lintian --fail-on error,warning --allow-root $(BIN)/packages/*.deb
	SIPWARD_ROOTFS=$(abspath $(ROOTFS)) SIPWARD_PACKAGES=$(CURDIR)/$(BIN)/packages $(GO) test -count=1 -timeout 10m -v ./test/packages/

.PHONY: release
release: $(if $(shell command -v npm),ui) $(NFPM) ## archives, packages, bills of materials and sums in dist/release, the same bits each time; tries arm64 under qemu
	@$(RELEASE_ENV) scripts/binaries $(OUT) $(ARCHS)
	@$(RELEASE_ENV) scripts/foreign $(OUT) $(ARCHS)
	@$(RELEASE_ENV) scripts/release $(NFPM) $(OUT) $(ARCHS)

.PHONY: release-test
release-test: ## make a release twice from HEAD, and compare every bit
	@scripts/reproduce $(ARCHS)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each, FUZZJOBS at a time (FUZZTIME=10s)
	@FUZZTIME=$(FUZZTIME) FUZZJOBS=$(FUZZJOBS) scripts/fuzz $(FUZZPKG)

.PHONY: bench
bench: ## every benchmark with its allocations (BENCH=regexp BENCHPKG=./sip/...)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) $(BENCHPKG)

.PHONY: e2e
e2e: build ## real SIP peers in network namespaces; root
	SIPWARD_E2E=1 SIPWARD_AGENT=$(CURDIR)/$(BIN)/sipward-agent SIPWARD_COLLECTOR=$(CURDIR)/$(BIN)/sipward-collector \
	  $(GO) test -count=1 -timeout 10m -parallel 4 -v ./test/e2e/

.PHONY: load
load: build ## how much the agent bears: tcpreplay at full rate, many calls a second; root
	SIPWARD_LOAD=1 SIPWARD_AGENT=$(CURDIR)/$(BIN)/sipward-agent $(GO) test -count=1 -timeout 30m -v ./test/load/

COMPARE ?=
.PHONY: compare
compare: build ## the agent beside sngrep, sipgrep, tshark, ... on the same calls: CPU, memory, what each finds (COMPARE="-rounds 5"); root
	@$(GO) run ./test/compare -agent $(BIN)/sipward-agent $(COMPARE)

.PHONY: demo
demo: build ## a collector and two agents with made-up calls, live figures in this terminal (DEMO_SECONDS=40)
	@$(GO) run ./internal/testkit/cmd/demo -agent $(BIN)/sipward-agent -collector $(BIN)/sipward-collector -seconds $(DEMO_SECONDS)

.PHONY: soak
soak: build ## live calls for SOAKTIME: memory, goroutines and map entries must not grow; root
	SIPWARD_E2E=1 SIPWARD_AGENT=$(CURDIR)/$(BIN)/sipward-agent SIPWARD_SOAK=$(SOAKTIME) $(GO) test -count=1 -timeout 0 -v -run Soak ./test/e2e/

.PHONY: chaos
chaos: build ## agents, broker, collectors and database killed at random for CHAOSTIME: nothing may be lost or doubled
	SIPWARD_CHAOS=$(CHAOSTIME) SIPWARD_AGENT=$(CURDIR)/$(BIN)/sipward-agent SIPWARD_COLLECTOR=$(CURDIR)/$(BIN)/sipward-collector \
	  $(GO) test -count=1 -timeout 20m -v ./test/chaos/

.PHONY: faults
faults: build ## full disks, frozen brokers, old copies of spools and databases, twins, a backlog; root
	SIPWARD_FAULTS=1 SIPWARD_AGENT=$(CURDIR)/$(BIN)/sipward-agent SIPWARD_COLLECTOR=$(CURDIR)/$(BIN)/sipward-collector \
	  $(GO) test -count=1 -timeout 15m -parallel 12 -v ./test/faults/

.PHONY: upgrade
upgrade: build ## files of earlier releases under the programs of today
	SIPWARD_UPGRADE=1 SIPWARD_AGENT=$(CURDIR)/$(BIN)/sipward-agent SIPWARD_COLLECTOR=$(CURDIR)/$(BIN)/sipward-collector \
	  $(GO) test -count=1 -timeout 5m -v ./test/upgrade/

.PHONY: generate
generate: ## write anew what is made from code (the kernel filter: clang; records: protoc; the reference of metrics)
	$(GO) generate ./...

.PHONY: deps
deps: ## install by apt what the tests and the generator need and is missing
	@SUDO='$(SUDO)' scripts/deps

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN) dist
