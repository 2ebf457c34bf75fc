# Each target sets up what it needs. `make` alone lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Two spinning OpenMP threads on a contended core are 17 times slower than two waiting ones.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format statements lock bench clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "leadqual needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once, a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP) ## create the virtual environment from the lock

demo: $(STAMP) ## simulate, train, promote, seed both queues and serve; prints the URLs and logins
	@$(BIN)/leadqual demo

test: $(STAMP) ## run every test
	@$(BIN)/python -m pytest

check: $(STAMP) ## what CI checks: format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/architecture

format: $(STAMP) ## format and apply safe lint fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

statements: $(STAMP) ## compile the store's statements into its catalogue again
	@$(BIN)/python -m leadqual.store.compiling

lock: ## resolve the dependencies again (needs uv on the PATH)
	@uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --all-extras --python-version 3.11 pyproject.toml -o requirements.lock

bench: $(STAMP) ## run the benchmarks and print ratios to their floors
	@for name in core reading batch importing http queue start train learning; do $(BIN)/python -m benchmarks.$$name || exit 1; done

clean: ## remove the virtual environment, caches and everything a demo wrote
	@rm -rf $(VENV) .leadqual .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist
