# Everything that this project does is a target here; `make help` lists them.
# Each target sets itself up: Python 3.11 or newer, make and a package registry are all it takes.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# As many at a time as there are cores; a module stays whole, for its fixtures.
PARALLEL := -n auto --dist loadscope
# What the web page is made of: a change of it builds the page anew.
WEB := $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)
LOCK_FLAGS := --quiet --universal --generate-hashes --no-emit-index-url --no-header --group build pyproject.toml

# The suite starts hundreds of processes: without compiled files each takes a second longer.
unexport PYTHONDONTWRITEBYTECODE

# A folder that was moved has an environment that still points at its old place.
ifneq ($(wildcard $(VENV)/.place),)
ifneq ($(shell cat $(VENV)/.place),$(CURDIR))
$(shell rm -rf $(VENV))
endif
endif

.PHONY: help run test test-all check web soak bench figures docs lock format clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.runtime ## Tell the story of a failed run and its redrive (make run ARGS=--once ends by itself)
	@$(BIN)/redrive demo $(ARGS)

test: lint $(VENV)/.browser ## All linters and the whole test suite (make test ARGS="-k split" for a part)
	$(PY) -m pytest $(PARALLEL) $(ARGS)

test-all: lint $(VENV)/.browser ## The whole matrix, with a dated report in benchmarks/results/
	REDRIVE_TEST_ALL=1 $(PY) -m tools.report -- $(ARGS)

check: lint ## What to run before each commit, in under a minute
	$(PY) -m pytest $(PARALLEL) $(wildcard tests/unit tests/property tests/contract tests/structure) -m "not slow" $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev web/node_modules/.dev
	@$(PY) -m ruff format --check --quiet . || { echo "make format mends this"; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m mypy
	@$(BIN)/lint-imports --no-logo
	@$(PY) tools/npm.py run check

web: $(VENV)/.runtime ## Build the web page (cd web && npm run dev serves it while it is changed)
	$(PY) tools/npm.py build

soak: $(VENV)/.dev ## Twenty minutes of random load, faults and kills, with a dated report (make soak ARGS="--minutes 60")
	$(PY) -m tests.soak $(ARGS)

bench: $(VENV)/.dev ## Measure against the floor; figures go to benchmarks/results/
	$(PY) -m benchmarks $(ARGS)

figures: $(VENV)/.dev $(VENV)/.browser ## Measure the web page in Chromium: a million runs, 500 MB (ARGS=--small for less)
	$(PY) -m benchmarks page $(ARGS)

docs: $(VENV)/.dev ## Write the reference pages again from the code
	$(PY) -m tools.docs

lock: $(VENV)/.dev ## Lock all dependencies again (make lock ARGS=--upgrade for newer ones)
	$(BIN)/uv pip compile $(LOCK_FLAGS) --extra dev -o requirements-dev.lock $(ARGS)
	$(BIN)/uv pip compile $(LOCK_FLAGS) -c requirements-dev.lock --no-annotate -o requirements.lock $(ARGS)
	$(PY) tools/npm.py lock

format: $(VENV)/.dev web/node_modules/.dev ## Format the code and mend what ruff can
	$(PY) -m ruff check --fix --quiet . || true
	$(PY) -m ruff format .
	$(PY) tools/npm.py run format

clean: ## Remove the environment and all caches
	rm -rf $(VENV) web/node_modules src/redrive/server/static build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.runtime: requirements.lock pyproject.toml hatch_build.py tools/setup.sh $(WEB)
	@sh tools/setup.sh $(VENV) requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml hatch_build.py tools/setup.sh $(WEB)
	@sh tools/setup.sh $(VENV) requirements-dev.lock
	@touch $@ $(VENV)/.runtime

# The checkers of the web page, beside what builds it.
web/node_modules/.dev: web/package-lock.json $(VENV)/.dev
	@$(PY) tools/npm.py ci
	@touch $@

$(VENV)/.browser: tools/browser.sh
	@sh tools/browser.sh
	@touch $@
