# Targets of this project; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Not in requirements/dev.txt: pyright brings Node.js, which nothing else here needs.
PYRIGHT_VERSION := 1.1.414
PYRIGHT_VENV ?= $(VENV)/pyright
PYRIGHT_STAMP := $(PYRIGHT_VENV)/.installed-$(PYRIGHT_VERSION)

.DEFAULT_GOAL := help
.PHONY: help setup run chat dev local test test-unit lint format types types-api check bench bench-embedding bench-recall clean

help: ## list the targets
	@grep -hE '^[a-zA-Z_-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## create the virtual environment (other targets run it when needed)

$(STAMP): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Mayfly needs Python 3.11 or later; choose one with: make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP) ## invoke the message handler with events/message.json and print the result
	@$(BIN)/mayfly invoke events/message.json

chat: $(STAMP) ## talk to the agent in the terminal
	@$(BIN)/mayfly chat

dev: $(STAMP) ## serve the HTTP API on API_PORT (3000)
	@$(BIN)/mayfly dev

local: $(STAMP) ## run the whole deployment locally: Postgres, queues, functions, schedule, HTTP API
	@$(BIN)/python -m infra.local

test: $(STAMP) ## run the tests, with Postgres from a wheel; ARGS='-k name' selects some
	$(BIN)/python -m pytest $(ARGS)

test-unit: $(STAMP) ## run the unit tests: no process, no database, under a minute
	$(BIN)/python -m pytest tests/unit $(ARGS)

test-pooler: $(STAMP) ## run the tests behind a transaction-mode pooler (needs pgbouncer: apt-get install pgbouncer)
	@command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || { echo "test-pooler: pgbouncer is not installed: run apt-get install pgbouncer" >&2; exit 1; }
	$(BIN)/python -m pytest -m pgbouncer

lint: $(STAMP) ## check the code style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(STAMP) ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(STAMP) ## check the types
	$(BIN)/mypy

types-api: $(STAMP) $(PYRIGHT_STAMP) ## check with pyright what plugins see of the types
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/python -m tests.typing.check $(PYRIGHT_VENV)/bin/python

$(PYRIGHT_STAMP):
	$(PYTHON) -m venv $(PYRIGHT_VENV)
	$(PYRIGHT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'pyright[nodejs]==$(PYRIGHT_VERSION)'
	@touch $@

check: lint types test ## run lint, types and test

bench: $(STAMP) ## measure warm turns against a bare model call
	$(BIN)/python -m tests.bench.warm

bench-embedding: $(STAMP) ## measure the overhead of background embedding, and its drain while functions are killed
	$(BIN)/python -m tests.bench.embedding

bench-recall: $(STAMP) ## measure search quality on a labelled set and speed among 100,000 memories (takes minutes)
	$(BIN)/python -m tests.bench.recall
	$(BIN)/python -m tests.bench.search sqlite
	$(BIN)/python -m tests.bench.search postgres

clean: ## remove the files of the targets, except .data/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

-include infra/lambda.mk
