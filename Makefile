# The targets that people and CI use. `make check` is what CI runs.

GO     ?= go
TOOLS   = $(GO) tool -modfile=tools/go.mod
# cmd/agw, e2e and tools are modules of their own.
PKGS    = ./...

.PHONY: all build dev test race lint vuln e2e bench models fuzz check clean

all: build

build: ## the binaries, at the root of the repository
	$(GO) build -trimpath -o . ./cmd/agwd ./cmd/agwctl

dev: build ## a gateway without any configuration
	./agwd dev

test: ## everything that needs Go alone
	$(GO) test -timeout 20m $(PKGS)

race: ## the same under the race detector, which needs a C compiler
	CGO_ENABLED=1 $(GO) test -race -timeout 30m $(PKGS)

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these files"; exit 1; }
	$(GO) vet $(PKGS)
	$(GO) mod verify
	$(GO) mod tidy -diff
	$(TOOLS) staticcheck $(PKGS)

vuln: ## known vulnerabilities; a database out of reach is said, not an error
	@$(TOOLS) govulncheck $(PKGS) || { s=$$?; if [ $$s -eq 3 ]; then exit 3; fi; echo "govulncheck: the vulnerability database cannot be reached; nothing was checked"; }

e2e: build ## official SDKs against the built binaries; needs Node
	./e2e/run

bench: build ## beside plain proxies, in one run on one machine
	$(GO) run ./bench

models: ## what is known of models and prices, anew from its sources; needs Node and npm
	./scripts/models/run

fuzz: ## each fuzz target for a while
	./scripts/fuzz

check: lint vuln test e2e race

clean:
	rm -f agw agwd agwctl
