# slowmo's commands. `make` alone explains them.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The release of Kubernetes whose behaviour this has (pkg/component.Version).
VERSION := v1.37.2
# Where the cluster's data, certificates and logs lie.
SLOWMO_HOME ?= /var/lib/slowmo
export SLOWMO_HOME

# No C anywhere but in the race detector: static programs, and one build cache.
export CGO_ENABLED := 0

# What the programs call, and what the tests call beside that.
PACKAGES      := containerd runc containernetworking-plugins nftables iproute2 conntrack curl ca-certificates
TEST_PACKAGES := $(PACKAGES) prometheus gcc libc6-dev procps
STATICCHECK   := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# kubectl shows the version that upstream's build stamps into these two packages.
STAMP := $(foreach package,k8s.io/component-base/version k8s.io/client-go/pkg/version,\
	-X $(package).gitVersion=$(VERSION) -X $(package).gitMajor=1 -X $(package).gitMinor=37 -X $(package).gitTreeState=clean)

# The tests of single packages, as opposed to those on a running cluster.
UNIT = $$(go list ./... | grep -v '^slowmo/test/')

##@ A cluster

up: deps build ## install, build, start a cluster, run hello-node on it
	bin/slowmo up
	bin/slowmo hello deploy/examples/hello-node.yaml

down: ## stop the cluster and leave nothing running (data stays in $SLOWMO_HOME)
	@if [ -x bin/slowmo ]; then bin/slowmo down; fi

status: ## show the cluster's processes
	bin/slowmo status

##@ Work on it

deps: ## install the missing system packages by apt
	@$(call install,$(PACKAGES))

# The two that go into images are built without a trace of this machine, so that
# their digests are the same everywhere. The others share the tests' build cache.
build: ## build all programs into bin/
	@echo "building bin/*"
	@go build -ldflags '-s -w $(STAMP)' -o bin/ $$(go list ./cmd/... | grep -v -e /echoserver -e /pause)
	@go build -trimpath -buildvcs=false -ldflags '-s -w' -o bin/ ./cmd/echoserver ./cmd/pause

test: race e2e ## run all tests, the end-to-end ones included

e2e: test-deps build peers old-kubectl ## run the tests on real processes and containers
	go test -count=1 -p 1 -timeout 20m ./test/...

race: test-deps ## run the packages' tests with the race detector
	CGO_ENABLED=1 go test -race $(UNIT)

peers: ## build upstream's kube-apiserver and etcd, which tests and benchmarks run beside ours
	@test/upstream/build.sh bin/upstream

old-kubectl: ## unpack Debian's kubectl 1.20, which tests run beside ours
	@if [ ! -x bin/kubectl-debian ]; then \
		dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && cd "$$dir" && \
		{ apt-get download -qq kubernetes-client || { apt-get update -qq && apt-get download -qq kubernetes-client; }; } && \
		dpkg -x kubernetes-client_*.deb . && install -D usr/bin/kubectl $(CURDIR)/bin/kubectl-debian; \
	fi

lint: ## go vet, gofmt and staticcheck
	@unformatted=$$(gofmt -l cmd pkg test); if [ -n "$$unformatted" ]; then echo "gofmt -w these:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

bench: deps build peers ## measure what a person waits for, beside the bare runtime and kube-apiserver
	KUBE_APISERVER=$(CURDIR)/bin/upstream/kube-apiserver ETCD=$(CURDIR)/bin/upstream/etcd go test -run '^$$' -bench . -benchtime 1x -timeout 20m ./test/bench ./pkg/apiserver

ci: lint test ## what .ci/run runs

clean: down ## also remove the programs and the cluster's data
	@if [ -x bin/slowmo ]; then bin/slowmo down --purge; fi
	rm -rf bin

##@

test-deps:
	@$(call install,$(TEST_PACKAGES))

help: ## explain the commands
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ ./ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Installs those of the packages that are missing, and asks apt for nothing else.
define install
missing=(); for package in $(1); do \
	dpkg-query -W -f '$${db:Status-Status}' "$$package" 2>/dev/null | grep -qx installed || missing+=("$$package"); \
done; \
if [ $${#missing[@]} -gt 0 ]; then \
	if ! command -v apt-get >/dev/null; then echo "install these with your package manager: $${missing[*]}" >&2; exit 1; fi; \
	echo "installing $${missing[*]}"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$${missing[@]}" >/dev/null; \
fi
endef

.PHONY: up down status deps build test e2e peers race lint bench ci clean test-deps old-kubectl help
