# Every step of CI is a target here. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
export PYTHONPATH :=
unexport PYTHONDONTWRITEBYTECODE  # tests start some hundred processes: each would compile anew
JOBS   ?= 2

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: setup
setup: $(READY) ## Make .venv with everything in it

.PHONY: demo
demo: $(READY) ## Trace a LangGraph agent and ask the documented questions (ONCE=1: stop afterwards)
	$(BIN)/python -m demo $(if $(ONCE),--once)

.PHONY: serve
serve: $(READY) ## Serve ./runstore-data on http://127.0.0.1:1984
	$(BIN)/runstore serve

.PHONY: test
test: $(READY) ## Run the tests (under 5 minutes on 2 cores)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q

.PHONY: thorough
thorough: $(READY) ## Run the properties among them on twenty times as many, new examples
	$(BIN)/python -m pytest -n $(JOBS) -q -m hypothesis --hypothesis-profile thorough --timeout 1800

.PHONY: check
check: $(READY) ## Lint, format check, types, import contracts, generated docs, sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/sizes.py
	$(BIN)/python scripts/docs.py --check

.PHONY: fmt
fmt: $(READY) ## Format the code and regenerate the docs
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .
	$(BIN)/python scripts/docs.py

.PHONY: golden
golden: $(READY) ## Rewrite the golden SQL; review the diff
	RUNSTORE_GOLDEN=write $(BIN)/python -m pytest -q tests/sql

.PHONY: oracle
oracle: $(READY) ## Compare the engines on N random queries (N=200000, ARGS='--jobs 1 --first-seed 7')
	$(BIN)/python -m tests.oracle --queries $(or $(N),200000) $(ARGS)

.PHONY: planted
planted: $(READY) ## Plant bugs in an engine, and count the queries until the oracle finds each (N=10000)
	$(BIN)/python -m tests.oracle.planted --queries $(or $(N),10000)

.PHONY: grammar
grammar: $(READY) ## Put N mutated filters to two parsers (N=100000)
	$(BIN)/python -m tests.grammar --inputs $(or $(N),100000) $(ARGS)

.PHONY: fuzz
fuzz: $(READY) ## Let atheris look for texts that the two parsers read differently, N seconds (N=60)
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: atheris
	$(BIN)/python -m tests.grammar.fuzz --seconds $(or $(N),60)

.PHONY: crash
crash: $(READY) ## Kill the server N times, tear its log 2 N times, damage N pages, fill N/5 disks (N=50)
	$(BIN)/python -m tests.crash --kills $(or $(N),50) $(ARGS)

.PHONY: load
load: $(READY) ## Filter beside exports, then send twice what is taken for SECONDS (SECONDS=90, ARGS=--only fairness)
	$(BIN)/python -m tests.load --seconds $(or $(SECONDS),90) $(ARGS)

.PHONY: hostile
hostile: $(READY) ## Ask a server what its OpenAPI document allows and forbids, N times a route (N=300)
	$(BIN)/python -m tests.hostile --examples $(or $(N),300) $(ARGS)

.PHONY: bench
bench: $(READY) ## Load RUNS runs over HTTP and print the figures (RUNS=200000, ARGS=--write-docs)
	$(BIN)/python -m bench --runs $(or $(RUNS),200000) $(ARGS)

.PHONY: bench-kit
bench-kit: $(READY) ## Run `runstore bench` on a server of its own (RUNS=20000, ARGS="--markdown docs/benchmarks.md")
	$(BIN)/python -m bench.kit --runs $(or $(RUNS),20000) $(ARGS)

.PHONY: scale
scale: $(READY) ## Ask every query class of RUNS runs, and ingest on top (RUNS=2000000, ARGS=--write-docs)
	$(BIN)/python -m bench.scale --runs $(or $(RUNS),2000000) $(ARGS)

.PHONY: clean
clean: ## Remove what the commands made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache bench/out
