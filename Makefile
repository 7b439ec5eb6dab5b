# Everything this project does, by name; `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup run chat dev local test test-unit lint format types check bench bench-embedding bench-recall clean

help: ## list the targets
	@grep -hE '^[a-zA-Z_-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## make the virtual environment (done by every target that needs it)

$(STAMP): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Mayfly needs Python 3.11 or later; choose one with: make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP) ## send events/message.json through the Lambda handler and print the answer
	@$(BIN)/mayfly invoke events/message.json

chat: $(STAMP) ## talk to the agent in the terminal
	@$(BIN)/mayfly chat

dev: $(STAMP) ## serve the HTTP API on API_PORT (3000)
	@$(BIN)/mayfly dev

local: $(STAMP) ## run the whole deployment here, as on AWS: Postgres, queues, functions, schedule, HTTP API
	@$(BIN)/python -m infra.local

test: $(STAMP) ## run the tests (a real Postgres comes from a wheel; nothing else is needed); some: make test ARGS='-k migrate'
	$(BIN)/python -m pytest $(ARGS)

test-unit: $(STAMP) ## run the unit tests: no process, no database, under a minute
	$(BIN)/python -m pytest tests/unit $(ARGS)

test-pooler: $(STAMP) ## run the tests behind a transaction-mode pooler (needs pgbouncer: apt-get install pgbouncer)
	@command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || { echo "test-pooler: needs pgbouncer (apt-get install pgbouncer)" >&2; exit 1; }
	$(BIN)/python -m pytest -m pgbouncer

lint: $(STAMP) ## check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(STAMP) ## put the code in form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(STAMP) ## check types
	$(BIN)/mypy

check: lint types test ## everything that has to pass

bench: $(STAMP) ## measure warm turns against a bare model call
	$(BIN)/python -m tests.bench.warm

bench-embedding: $(STAMP) ## measure background embedding against the bare work, and drain under a storm of kills
	$(BIN)/python -m tests.bench.embedding

bench-recall: $(STAMP) ## measure what search finds on a labelled set, and how fast among 100,000 memories (minutes)
	$(BIN)/python -m tests.bench.recall
	$(BIN)/python -m tests.bench.search sqlite
	$(BIN)/python -m tests.bench.search postgres

clean: ## remove what the targets made; the conversation in .data/ stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

-include infra/lambda.mk
