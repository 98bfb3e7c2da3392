# Every verb sets up what it needs; a stamp in .venv avoids doing it again.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
RUN_READY := .venv/.ready-run
TEST_READY := .venv/.ready-test
NPM_LOCK := $(wildcard tests/integration/node/package-lock.json)
SETUP_INPUTS := .ci/setup pyproject.toml requirements-build.lock
export PYTHON

.PHONY: help run compile test check format bench bench-peers lock clean

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A compiled build is used where it is made of the source as it is now; without one all is interpreted.
run: $(RUN_READY)  ## start the gateway on embedded defaults; flags by ARGS="--port 9000"
	PYTHONPATH=$$(.ci/compile --path) $(BIN)/sealgate serve $(ARGS)

compile: $(RUN_READY)  ## compile the hot modules into build/compiled; needs a C compiler
	.ci/compile

test: check  ## all checks and all tests, on both builds; options by ARGS="-k name"
	.ci/test $(ARGS)

check: $(TEST_READY)  ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(TEST_READY)  ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(RUN_READY)  ## side-by-side benchmark of the compiled build; writes bench/results.md
	.ci/compile --profiled || echo "bench: no compiled build (see above); the interpreted one is measured"
	PYTHONPATH=$$(.ci/compile --path) $(BIN)/python bench/run.py $(ARGS)

bench-peers:  ## install the peers that the benchmark compares with
	$(BIN)/python bench/peers.py

lock:  ## write the hash-pinned lock files anew; newest versions by ARGS=--upgrade
	.ci/lock $(ARGS)

clean:  ## remove everything that was installed or generated
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		build dist node_modules tests/integration/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN_READY): requirements.lock $(SETUP_INPUTS)
	@.ci/setup run
	@touch $@

$(TEST_READY): requirements.lock requirements-test.lock $(SETUP_INPUTS) $(NPM_LOCK)
	@.ci/setup test
	@touch $@ $(RUN_READY)
