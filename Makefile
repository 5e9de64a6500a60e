# Two commands set everything up on a fresh machine with Python >= 3.11 and make:
#   make demo    watch a second factor being enforced
#   make test    lint, types, contracts, the whole suite
.DEFAULT_GOAL := help
.PHONY: help demo test lint types contracts suite fuzz mutants bench format schema clean

PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
# What has to be covered to the last branch, by its own tests. Everything else runs side by side, one file at a time on
# each: much of it waits for processes.
PURE := tests/core tests/dialects
SIDE_BY_SIDE ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt

help:
	@echo "make demo   watch a second factor being enforced (DEMO_ARGS=--check runs the calls itself)"
	@echo "make test   lint, types, contracts and the whole suite"
	@echo "make bench  side by side with other proxies, on one core each (BENCH_ARGS='--all --rounds 9 --seconds 10')"
	@echo "make scale  what an account, a window, a rule and a worker cost when there are many (SCALE_ARGS='--accounts 1000')"
	@echo "make fuzz   write what strangers might write, for five minutes (FUZZ_ARGS='--seconds 3600 --target paths')"
	@echo "make mutants break each defence and see that it is noticed (MUTANTS_ARGS='--seconds 3600', '--only target')"
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

test: lint types contracts suite

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

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.attacks.fuzz $(FUZZ_ARGS)

mutants: $(VENV)/.dev
	$(BIN)/python -m tests.attacks.mutation $(MUTANTS_ARGS)

bench: $(VENV)/.bench
	@command -v wrk >/dev/null || { echo "make bench needs wrk, which puts the load on: apt-get install wrk"; exit 1; }
	$(BIN)/python -m tests.benchmarks $(BENCH_ARGS)

scale: $(VENV)/.bench
	@command -v wrk >/dev/null || { echo "make scale needs wrk, which puts the load on: apt-get install wrk"; exit 1; }
	$(BIN)/python -m tests.benchmarks.scale $(SCALE_ARGS)

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.dev
	$(BIN)/mfa-gateway schema > config/mfa-gateway.schema.json
	$(BIN)/python -m tests.deploy.chart_schema > deploy/helm/mfa-gateway/values.schema.json

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* build dist
