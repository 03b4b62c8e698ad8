# Oakum. `make help` lists what you can do.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
BIN := .venv/bin

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/ready: pyproject.toml requirements/uv.txt requirements/dev.txt scripts/bootstrap scripts/install-system-packages
	@scripts/install-system-packages
	@scripts/bootstrap

.PHONY: setup
setup: .venv/ready ## Install the Debian packages and the Python environment (the others do this by themselves)

.PHONY: format
format: .venv/ready ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: check
check: .venv/ready ## The fast part: format, lint, types, layers, unit and golden tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/unit

.PHONY: test
test: check ## All tests: check, then all others, in two processes side by side (root)
	$(MAKE) -j2 test-services test-hosts

.PHONY: test-services
test-services: .venv/ready ## Of those: parsers, adapters, databases and servers, and what hosts lose (root)
	$(BIN)/pytest -q --tb=native --durations=15 tests/fuzz tests/conformance tests/integration tests/lab/signals

.PHONY: test-hosts
test-hosts: .venv/ready ## Of those: transactions, faults and the whole loop on booted hosts (root)
	$(BIN)/pytest -q --tb=native --durations=15 tests/lab tests/e2e --ignore=tests/lab/signals

.PHONY: fuzz
fuzz: .venv/ready ## A million hostile inputs for all parsers; FUZZ_FLAGS as docs/robustness.md says
	$(BIN)/python -m tests.fuzz $(FUZZ_FLAGS)

.PHONY: nightly
nightly: .venv/ready ## 1,000 faults on booted hosts, at every step of a transaction (root, more than an hour)
	$(BIN)/python -m tests.lab.faults.nightly $(NIGHTLY_FLAGS)

.PHONY: demo
demo: .venv/ready ## The whole loop on eight booted hosts, narrated (root, under 15 minutes)
	$(BIN)/python -m demo $(DEMO_FLAGS)

.PHONY: lock
lock: .venv/ready ## Write the pinned requirements anew from pyproject.toml
	.bootstrap/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --python-version 3.11 --extra dev pyproject.toml --output-file requirements/dev.txt

.PHONY: clean
clean: ## Remove the Python environments and caches
	rm -rf .venv .bootstrap .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
