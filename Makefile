# dhc6c: build, show, test. `make demo` and `make test` are where to start.

CARGO ?= cargo
LOG := target/test.log
MUSL := $(shell uname -m)-unknown-linux-musl

SEEDS ?= 20000
FIRST ?= 0

.PHONY: build demo test unit sim coverage life tools lint interop bench conformance check-conformance million \
	faults life-faults fuzz corpus clean

build:
	$(CARGO) build --release

# The main job on a machine with nothing but Rust, root and iproute2.
demo:
	$(CARGO) build --release --bin dhc6c --example lab-server
	scripts/demo.sh target/release/dhc6c target/release/examples/lab-server

# Every tier: unit, property (debug and release), simulation, real servers in
# network namespaces and in a guest. Installs them as root; a tier that cannot
# run fails here instead of being skipped. Most of the time is spent waiting.
test: tools
	@mkdir -p target
	@bash -c 'set -o pipefail; \
	  { DHC6C_REQUIRE_NETNS=1 $(CARGO) test --no-fail-fast -- --include-ignored --test-threads=4 && \
	    $(CARGO) test --release --test prop; } 2>&1 | tee $(LOG); \
	  status=$$?; scripts/count-tests.sh $(LOG); exit $$status'

# What runs without root and without servers.
unit:
	$(CARGO) test --lib --bins --test floors --test prop --test sim --test model --test million

# Whole lives of the simulation on all processors (docs/simulation.md):
# `make sim SEEDS=1000000 FIRST=0`. What has met what goes to a file.
sim:
	$(CARGO) build --profile sim --example lives
	@bash -c 'set -o pipefail; target/sim/examples/lives $(SEEDS) $(FIRST) | tee target/lives.txt | tail -2'

# docs/coverage.md from 20,000 of them.
coverage:
	$(MAKE) sim SEEDS=20000
	sed -i '/^| fault |/,$$d' docs/coverage.md
	cat target/lives.txt >> docs/coverage.md

# One of them again, with everything that happens in it: `make life SEED=7`.
life:
	$(CARGO) build --profile sim --example lives
	target/sim/examples/lives --seed $(SEED)

# The servers that the namespace tier talks to, and the guest (Debian packages).
tools:
	scripts/install-test-tools.sh
	scripts/install-newest-servers.sh target/newest
	scripts/install-isc-4o6.sh target/isc
	scripts/guest/build.sh target/guest

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- --deny warnings
	$(CARGO) clippy --no-default-features --bins -- --deny warnings

# The client against every server there is, and docs/interop.md from what was
# said. The tests are part of `make test` too; most of their time is waiting.
interop: tools
	@mkdir -p target docs/interop
	@bash -c 'set -o pipefail; \
	  DHC6C_REQUIRE_NETNS=1 DHC6C_EVIDENCE=$(CURDIR)/docs/interop $(CARGO) test --test netns -- \
	  interop:: --include-ignored --test-threads=8 2>&1 | tee target/interop.log'
	$(CARGO) run --quiet --example interop -- target/interop.log > docs/interop.md

# dhc6c beside the clients that Debian has, and docs/bench.md from what was
# measured; RUNS=21 for more runs. The static build needs the Rust target musl.
bench:
	scripts/bench/install-peers.sh
	$(CARGO) build --release --bin dhc6c
	CARGO_TARGET_DIR=target/small $(CARGO) build --release --bin dhc6c --no-default-features
	-$(CARGO) build --release --bin dhc6c --target $(MUSL)
	scripts/bench/bench.sh target/release/dhc6c target/small/release/dhc6c target/$(MUSL)/release/dhc6c

# A million clients after a power cut, and docs/million.md from what came of it;
# needs 12 GB. `make million CLIENTS=10000` is quick and shows the same shape.
CLIENTS ?= 1000000
million:
	$(CARGO) run --profile million --example million -- docs $(CLIENTS)

# docs/conformance.md from the tests that passed in the last `make test`.
conformance:
	$(CARGO) run --quiet --example conformance -- docs $(LOG) > docs/conformance.md

check-conformance:
	$(CARGO) run --quiet --example conformance -- docs $(LOG) > target/conformance.md
	diff -u docs/conformance.md target/conformance.md \
	  || { echo 'docs/conformance.md is stale: run `make test conformance`'; exit 1; }

# Puts one fault after the other of docs/faults.tsv into a copy of the code, and
# fails where the test beside it does not see it.
faults:
	scripts/faults.sh

# The same for faults that whole lives have to see.
life-faults:
	scripts/faults.sh 1 docs/life-faults.tsv

# Runs each fuzz target for SECONDS, two at a time. What fails is in
# target/fuzz/artifacts.
SECONDS ?= 60
fuzz:
	scripts/install-fuzzer.sh
	scripts/fuzz.sh $(SECONDS)

# Writes the seeds of the fuzz targets anew; what fuzzers found stays.
corpus:
	$(CARGO) run --quiet --example fuzz-corpus -- fuzz/corpus

clean:
	$(CARGO) clean
