# Two commands do all the set-up on a machine with Python ≥ 3.11, git and make:
#
#   make demo    install into .venv and run the whole story on this machine
#   make test    install what the tests need and run every check
#
# PYTHON=/path/to/python3.12 chooses the interpreter.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
# One process more than there are processors; the tests of one file stay together, long ones first.
PYTEST_ARGS ?= -n auto --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The front end: what its checks read, and of that what is built and installed.
FRONT_END := $(shell find labextension -type f -not -path '*/node_modules/*' \
    -not -path '*/lib/*' 2>/dev/null)
LOCK := $(filter %/package.json %/package-lock.json,$(FRONT_END))
BUNDLED := $(wildcard hatch_build.py) $(LOCK) $(filter %/tsconfig.json,$(FRONT_END)) \
    $(filter labextension/src/% labextension/style/% labextension/schema/%,$(FRONT_END))
# Node and npm are among what the tests need.
NPM := PATH="$$PWD/$(BIN):$$PATH" npm --prefix labextension

.PHONY: help demo test lint tamper bench docs clean

help:
	@echo "make demo    install into $(VENV) and run the whole story in ./demo"
	@echo "make test    install what tests need; lint, types, import contracts, tests"
	@echo "make lint    lint, types and import contracts only, Python and front end"
	@echo "make tamper  alter notebooks and ledgers in every way, and count what is found"
	@echo "make bench   measure against the peers and print the table"
	@echo "make docs    write docs/commands.md and docs/demo.svg anew from what the commands say"
	@echo "make clean   remove ./demo, caches and $(VENV)"

demo: $(VENV)/.installed-demo
	@echo "==> Running: jupyter mlo demo --dir demo"
	@$(BIN)/jupyter mlo demo --dir demo

test: lint $(VENV)/.front-end-tested
	@echo "==> Tests: pytest"
	@$(BIN)/python -m pytest -q $(PYTEST_ARGS)
	@echo "==> All checks passed"

lint: $(VENV)/.installed-test $(VENV)/.front-end-linted
	@echo "==> Lint: ruff check, ruff format --check"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@echo "==> Types: mypy --strict"
	@$(BIN)/mypy --no-error-summary
	@echo "==> Import contracts: lint-imports"
	@$(BIN)/lint-imports > $(VENV)/lint-imports.txt || { cat $(VENV)/lint-imports.txt; exit 1; }

tamper: $(VENV)/.installed-test
	@echo "==> Tamper harness: what was altered and found, and what was rewritten without alarm"
	@$(BIN)/python -m pytest -q tests/notebook/test_tampering.py tests/ledger/test_tampering.py \
	    tests/verbs/test_real_tools.py

bench: $(VENV)/.installed-test
	@echo "==> Benchmarks: python -m benchmarks (some minutes; nothing else should run meanwhile)"
	@$(BIN)/python -m benchmarks

docs: $(VENV)/.installed-test
	@echo "==> docs/commands.md from the parsers"
	@$(BIN)/python docs/make_commands.py
	@echo "==> docs/demo.svg from a run of the demo"
	@$(BIN)/python docs/make_cast.py

clean:
	@echo "==> Removing ./demo, caches and $(VENV)"
	@rm -rf demo build dist $(VENV) labextension/node_modules labextension/lib \
	    jupyter_mlo/labextension .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# An interpreter that is new enough: the one named, else the first found.
$(VENV)/.made:
	@for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python); do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        found="$$candidate"; break; \
	    fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "error: no Python 3.11 or newer was found$(if $(PYTHON), at $(PYTHON), as python3 on PATH)" >&2; \
	    echo "  hint: install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
	    exit 1; \
	fi; \
	echo "==> Making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv $(VENV) || { \
	    rm -rf $(VENV); \
	    echo "error: $$found cannot make virtual environments" >&2; \
	    echo "  hint: on Debian and Ubuntu: apt install python3-venv" >&2; \
	    exit 1; \
	}
	@touch $@

$(VENV)/.installed-demo: $(VENV)/.made pyproject.toml $(BUNDLED)
	@echo "==> Installing jupyter-mlo and what the demo computes with into $(VENV) (a minute or two)"
	@$(PIP) install --editable '.[demo]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/.made pyproject.toml $(BUNDLED)
	@echo "==> Installing jupyter-mlo and what its tests need into $(VENV) (a minute or two)"
	@$(PIP) install --editable '.[test]'
	@touch $@ $(VENV)/.installed-demo

# The packages of the lock file, unless building the front end has fetched them already.
labextension/node_modules/.package-lock.json: $(LOCK) | $(VENV)/.installed-test
	@echo "==> Front end: npm ci"
	@$(NPM) ci --ignore-scripts --silent
	@touch $@

$(VENV)/.front-end-linted: labextension/node_modules/.package-lock.json $(FRONT_END)
	@echo "==> Front end: tsc, eslint, prettier"
	@$(NPM) run --silent lint
	@touch $@

$(VENV)/.front-end-tested: labextension/node_modules/.package-lock.json $(FRONT_END)
	@echo "==> Front end: jest"
	@$(NPM) run --silent test -- --silent
	@touch $@
