# Every target sets up .venv itself and is instant when nothing changed. `make help` says what there is.
# PYTHON=/path/to/python3.12 chooses the Python; PIP_* and UV_* variables of the machine are respected.

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help demo up notebook test test-all check bench crash gates gate-format gate-lint gate-types gate-imports gate-dagster format lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*  ## (.*)/  make \1	\2/' | expand -t 18

demo: .venv/.runtime  ## the whole story in a throw-away workspace: intent, approval, post, invoice, ledger, mail
	@$(BIN)/agentos demo

up: .venv/.runtime  ## Dagster's web page and daemon on loopback, for AGENTOS_WORKSPACE or a demo workspace
	@if [ -n "$$AGENTOS_WORKSPACE" ]; then exec $(BIN)/agentos up; fi; \
	[ -e .demo/agentos.toml ] || $(BIN)/agentos init .demo; exec $(BIN)/agentos --workspace .demo up

test: .venv/.dev  ## the tests
	@$(PYTEST) -m "not slow"

test-all: .venv/.dev  ## the tests, the slow ones too
	@$(PYTEST)

notebook: .venv/.notebook  ## history, costs and quality in JupyterLab on loopback, for AGENTOS_WORKSPACE or .demo
	@exec $(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 notebooks

bench: .venv/.bench  ## ours beside its peers in one run, as ratios (ONLY="steps appends status growth", ROUNDS=9)
	@PYTHONPATH=.venv/bench $(BIN)/python -m benchmarks $(ONLY) $(if $(ROUNDS),--rounds $(ROUNDS))

crash: .venv/.dev  ## kills it at every durable point, then N= times at random (200), by SEED=; PIECE=2/5, POINTS=no
	@$(BIN)/python -m tests.crash.kills --kills $(N) --seed $(SEED) --piece $(PIECE) --points $(POINTS)

check: gates test  ## formatter, linter, types, import rules, Dagster's definitions, tests

gates: gate-format gate-lint gate-types gate-imports gate-dagster  ## everything of `make check` but the tests

gate-format: .venv/.dev
	@$(BIN)/ruff format --check --quiet . || { echo "make format mends it"; exit 1; }

gate-lint: .venv/.dev
	@$(BIN)/ruff check --quiet .

gate-types: .venv/.dev
	@$(BIN)/mypy

gate-imports: .venv/.dev
	@said=$$(PYTHONWARNINGS=ignore $(BIN)/lint-imports --no-cache) || { echo "$$said"; exit 1; }

# With a home of its own: dg and Dagster would write to the home folder.
gate-dagster: .venv/.dev
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && printf 'telemetry:\n  enabled: false\n' >$$home/dagster.yaml && \
	DAGSTER_HOME=$$home HOME=$$home VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/dg check defs

format: .venv/.dev  ## formats, and mends what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: .venv/.dev  ## resolves the lock files again (UPGRADE=--upgrade takes newer versions)
	$(BIN)/uv pip compile --quiet $(UPGRADE) $(LOCKED) pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet $(UPGRADE) $(LOCKED) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet $(UPGRADE) $(LOCKED) --group build -c requirements-dev.lock -o requirements-build.lock
	$(BIN)/uv pip compile --quiet $(UPGRADE) $(LOCKED) --group uv -o requirements-uv.lock
	$(BIN)/uv pip compile --quiet $(UPGRADE) $(LOCKED) --group bench -c requirements-dev.lock -o requirements-bench.lock
	$(BIN)/uv pip compile --quiet $(UPGRADE) $(LOCKED) --group notebook -c requirements-dev.lock -o requirements-notebook.lock

clean:  ## removes .venv, the demo workspace and caches
	rm -rf .venv .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis

N := 200
SEED := 4
PIECE := 1/1
POINTS := yes

# No address is written, so that every machine takes its own mirror; --universal, so that one lock serves every platform.
LOCKED := --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

.venv/.runtime: pyproject.toml requirements.lock requirements-build.lock requirements-uv.lock tools/venv.py
	@echo "Setting up .venv (once; it takes a minute) ..."
	@$(PYTHON) tools/venv.py runtime
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock requirements-weights.lock
	@echo "Adding what the tests need ..."
	@$(PYTHON) tools/venv.py dev
	@touch $@

.venv/.notebook: .venv/.dev requirements-notebook.lock
	@echo "Adding JupyterLab ..."
	@$(PYTHON) tools/venv.py notebook
	@touch $@

# Apart from .venv's own packages, so that none of theirs can hide one that ours lacks.
.venv/.bench: .venv/.dev requirements-bench.lock
	@echo "Adding the benchmarks' peers ..."
	@$(PYTHON) tools/venv.py bench
	@touch $@
