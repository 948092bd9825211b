# spotcron: `make test` runs every test; `make help` lists the rest.

SHELL := bash
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# Builds with the AWS SDKs use the compiler's hint that most of a generated crate is unused: it
# halves the time and the memory that the EC2 SDK takes. Set SDK_CARGO=cargo to do without.
SDK_CARGO ?= RUSTC_BOOTSTRAP=1 cargo -Zprofile-hint-mostly-unused
export SDK_CARGO

.PHONY: help test test-fast sim mutations fmt lint golden bench bench-policy fuzz demo clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

test: ## Run every test (what continuous integration runs)
	@tests/run

test-fast: ## Run the tests that need neither the AWS SDKs nor Python
	cargo test --no-default-features

sim: ## Play SEEDS (10000) stories of each suite, or one: SUITE=within SEED=17
	SIM_SEEDS=$(or $(SEEDS),10000) SIM_SEED=$(SEED) SIM_SUITE=$(SUITE) cargo test --release \
	  --no-default-features --test it -- simulation::within simulation::beyond --nocapture

mutations: ## Break the program in every way that the simulation must notice
	cargo test --no-default-features --features mutations --test it -- simulation::mutations --nocapture

fmt: ## Format the code
	cargo fmt

lint: ## Formatting and lints, everything but the AWS adapters
	cargo fmt --check
	cargo clippy --no-default-features --all-targets -- -D warnings

golden: ## Write golden files and generated references anew
	UPDATE_GOLDEN=1 cargo test --no-default-features

bench: ## Run the benchmarks (benches/figures.sh prints the promised figures)
	cargo bench --no-default-features

bench-policy: ## The decision model on recorded spot availability: DATA=DIR
	DATA=$(realpath $(DATA)) cargo bench --no-default-features --bench policy

fuzz: ## Fuzz the catalogue for FUZZ_SECONDS (600)
	tests/fuzz $(or $(FUZZ_SECONDS),600)

demo: ## The daemon on the simulated cloud
	cargo demo

clean: ## Remove what was built here
	cargo clean
