# The verbs of this project; `make` alone lists them. All but the first run are incremental.

SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test bench simulate run fmt lock clean

# The interpreters tried for .venv, in this order, unless PYTHON names one.
PYTHONS := python3 python3.13 python3.12 python3.11 python3.14

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed ## make .venv from the hashed lock

demo: setup ## play a fortnight, then four circles, on fresh nodes (ARGS=--once ends by itself, ARGS=--json gives figures)
	@.venv/bin/tally demo $(ARGS)

test: setup ## check format, lint and types, then run every test (ARGS go to pytest)
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

bench: setup ## measure (ARGS=--json ends with one line of JSON)
	@.venv/bin/python -m tests.bench $(ARGS)

simulate: setup ## circles under all faults at once (ARGS="--seeds N --seed S --circles K --json", or --mutants)
	@.venv/bin/python -m tests.simulator $(ARGS)

run: setup ## serve a circle for development, kept in ./data (ARGS go to tallyd serve)
	@test -e data || .venv/bin/tallyd init data --name "Development circle" --address localhost
	@.venv/bin/tallyd serve data $(ARGS)

fmt: setup ## format the code and mend what the linter can
	.venv/bin/ruff format
	.venv/bin/ruff check --fix

lock: setup ## raise the locked versions as far as pyproject.toml allows
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" --extra dev --output-file requirements.lock pyproject.toml
	@! grep -n '://' requirements.lock || { echo "requirements.lock names a host; see the lines above."; exit 1; }

clean: ## remove what the other verbs made, except ./data
	rm -rf .venv dist build .hypothesis .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find ledger node client tests -name __pycache__ -prune -exec rm -rf {} +

# pip prints several lines for each package: they are folded into a count, and its log is shown
# when it fails.
.venv/.installed: requirements.lock pyproject.toml | .venv/bin/python .venv/bin/pip
	@set -o pipefail; total=$$(grep -c == requirements.lock); count=0; \
	echo "Installing what requirements.lock names into .venv (half a minute, the first time)"; \
	.venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
	    --require-hashes -r requirements.lock 2>.venv/pip.log \
	  | while read -r word package _; do case $$word in \
	      Collecting|Processing) count=$$((count + 1)); test ! -t 1 || \
	        printf '\r\033[K%s of %s %s' $$count $$total "$${package##*/}";; \
	      Installing) test ! -t 1 || printf '\r\033[Kunpacking';; \
	      Successfully) test ! -t 1 || printf '\r\033[K';; \
	    esac; done || { cat .venv/pip.log >&2; exit 1; }
	@.venv/bin/python -m pip install --disable-pip-version-check --no-input --quiet \
	    --no-deps --no-build-isolation -e .
	@touch $@

.venv/bin/python .venv/bin/pip:
	@for python in $(or $(PYTHON),$(PYTHONS)); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  found=$$python; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || continue; \
	  echo "Making .venv with $$("$$python" --version)"; \
	  exec "$$python" -m venv --clear .venv; \
	done; \
	if [ -n "$$found" ]; then \
	  echo "$$found lacks the module ensurepip: install it (on Debian: apt install python3-venv)."; \
	else \
	  echo "Python 3.11 or newer is needed: install it, or name it with make setup PYTHON=..."; \
	fi >&2; exit 1
