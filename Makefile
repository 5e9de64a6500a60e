# Two commands set everything up on a fresh machine with Python >= 3.11 and make:
#   make demo    watch a second factor being enforced
#   make test    lint, types, contracts, the whole suite
.DEFAULT_GOAL := help
.PHONY: help demo test lint types contracts suite compiled compiled-suite compiled-suite-itself fuzz mutants bench scale format schema clean

PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
# What has to be covered to the last branch, by its own tests. Everything else runs side by side, one file at a time on
# each: much of it waits for processes.
PURE := tests/core tests/dialects
SIDE_BY_SIDE ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt

# The compiled build, unpacked. Never beside the sources: an extension module there would be imported instead of them.
COMPILED ?= build/compiled
COMPILED_FROM = $(shell find mfa_gateway deploy/compiling -type f ! -path '*/__pycache__/*') pyproject.toml README.md
CAN_COMPILE = $(BIN)/python deploy/compiling/compiler.py
# Without the safe path, `python -m` would put the folder that it is started in, and so the sources, before the build.
ON_COMPILED = PYTHONSAFEPATH=1 PYTHONPATH=$(abspath $(COMPILED)):$(CURDIR) BUILD_UNDER_TEST=compiled
# What is tested on it again: what it is made of, every attack, and whole gateways where calls are judged and forwarded.
COMPILED_E2E := bad_input doors footprint near_cache revocation stack_facts standard store_away store_trips trailers \
	upstream_faults upstreams websocket windows
COMPILED_SUITE := tests/core tests/engine tests/doors tests/identity tests/attacks tests/cli/test_build.py \
	$(COMPILED_E2E:%=tests/e2e/test_%.py)

help:
	@echo "make demo   watch a second factor being enforced (DEMO_ARGS=--check runs the calls itself)"
	@echo "make test   lint, types, contracts and the whole suite"
	@echo "make compiled  build the wheel with its compiled modules, and unpack it to $(COMPILED)"
	@echo "make bench  side by side with other proxies, on one core each (BENCH_ARGS='--all --rounds 9 --seconds 10')"
	@echo "make scale  what an account, a window, a rule and a worker cost when there are many (SCALE_ARGS='--accounts 1000')"
	@echo "make fuzz   write what strangers might write, for five minutes (FUZZ_ARGS='--seconds 3600 --target paths')"
	@echo "make mutants break each defence and see that it is noticed (MUTANTS_ARGS='--skip-kept --room lua', '--only target')"
	@echo "make format fix what ruff can fix;  make schema  rewrite the schemas;  make clean"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "mfa_gateway needs Python 3.11 or newer with venv and pip: none was found on the path. Set PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml .ci/constraints.txt | $(BIN)/python
	@echo "Preparing $(VENV) (once)"
	@$(PIP) -e '.[embedded,demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml .ci/constraints.txt | $(BIN)/python
	@echo "Preparing $(VENV) for development (once)"
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: pyproject.toml .ci/constraints.txt | $(BIN)/python
	@echo "Preparing $(VENV) for measuring (once)"
	@$(PIP) -e '.[bench]'
	@touch $@ $(VENV)/.dev $(VENV)/.demo

demo: $(VENV)/.demo
	@$(BIN)/mfa-gateway demo $(DEMO_ARGS)

test: lint types contracts suite compiled-suite

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

suite: $(VENV)/.dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PURE) $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/pytest $(addprefix --ignore=,$(PURE)) -n $(SIDE_BY_SIDE) --dist loadfile $(PYTEST_ARGS)

compiled: $(COMPILED)/.complete

$(COMPILED)/.complete: $(COMPILED_FROM) | $(VENV)/.dev
	@$(CAN_COMPILE)
	@echo "Compiling to $(COMPILED) (some minutes; again when sources change)"
	@rm -rf $(COMPILED) $(COMPILED).wheel
	@mkdir -p $(COMPILED).wheel && touch $(COMPILED).wheel/.begun
	@HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(BIN)/python -m hatchling build -t wheel -d $(COMPILED).wheel
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --target $(COMPILED) $(COMPILED).wheel/*.whl
	@touch -r $(COMPILED).wheel/.begun $@  # what changed meanwhile is not in it

# CI cannot do without it; somebody without a C compiler can, and is told.
compiled-suite: $(VENV)/.dev
	@if [ "$$CI" = true ] || $(CAN_COMPILE); then $(MAKE) --no-print-directory compiled-suite-itself; \
	else echo "SKIPPED: the suite on the compiled build"; fi

compiled-suite-itself: $(COMPILED)/.complete
	$(ON_COMPILED) $(BIN)/pytest -o pythonpath= $(COMPILED_SUITE) -n $(SIDE_BY_SIDE) --dist loadfile $(PYTEST_ARGS)

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.attacks.fuzz $(FUZZ_ARGS)

mutants: $(VENV)/.dev
	$(BIN)/python -m tests.attacks.mutation $(MUTANTS_ARGS)

# What is shipped is what is measured, where it can be built here. The report says which it was.
measured = @if $(CAN_COMPILE); then $(MAKE) --no-print-directory compiled && $(ON_COMPILED) $(BIN)/python -m $(1); \
	else echo "Measuring the interpreted build"; $(BIN)/python -m $(1); fi

bench: $(VENV)/.bench
	@command -v wrk >/dev/null || { echo "make bench needs wrk, which puts the load on: apt-get install wrk"; exit 1; }
	$(call measured,tests.benchmarks $(BENCH_ARGS))

scale: $(VENV)/.bench
	@command -v wrk >/dev/null || { echo "make scale needs wrk, which puts the load on: apt-get install wrk"; exit 1; }
	$(call measured,tests.benchmarks.scale $(SCALE_ARGS))

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.dev
	$(BIN)/mfa-gateway schema > config/mfa-gateway.schema.json
	$(BIN)/python -m tests.deploy.chart_schema > deploy/helm/mfa-gateway/values.schema.json

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* build dist
