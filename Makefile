# One command per job. Each sets up what it needs first: .venv is made once and then only checked (.ci/setup.sh).
#
#   make demo PYTHON=python3.12       another Python for .venv (3.11 or newer); by default the first that fits
#   make test ARGS="tests/test_x.py"  more words for pytest
#   make lock UPGRADE=all             newer versions of everything; UPGRADE=pandas for one package

PYTHON ?=
ARGS ?=
UPGRADE ?=
BIN := .venv/bin
export PYTHON UPGRADE

.DEFAULT_GOAL := help
.PHONY: help setup programs demo test test-faults lab bench lint lint-rules lint-format lint-types lint-imports format notebooks wheel lock \
	clean clean-all

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: ## make or refresh .venv; every command below does it first
	@sh .ci/setup.sh

programs:
	@sh .ci/test_programs.sh

demo: setup ## run the main job on the embedded simulator; results in demo-output/
	$(BIN)/imilab demo --folder demo-output

test: setup programs ## run every test; those that need Chromium, PostgreSQL, Java or sshd skip where none can be installed
	$(BIN)/python -m pytest -q $(ARGS)

test-faults: setup ## kill and break sender, receiver and importer at every step: the whole fault suites, some ten minutes
	$(BIN)/python -m tests.faults
	$(BIN)/python -m tests.faults.receiver_sweep
	$(BIN)/python -m tests.faults.import_sweep

lab: setup ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
		$$([ "$$(id -u)" != 0 ] || echo --allow-root) $(ARGS)

bench: setup ## run every benchmark
	@found=no; for file in benchmarks/bench_*.py; do \
		[ -e "$$file" ] || continue; found=yes; echo "== $$file"; $(BIN)/python "$$file" || exit 1; \
	done; [ $$found = yes ] || echo "No benchmark yet: none matches benchmarks/bench_*.py."

lint: lint-rules lint-format lint-types lint-imports ## check rules, format, types and the direction of imports

lint-rules: setup
	$(BIN)/ruff check .

lint-format: setup
	$(BIN)/ruff format --check .

lint-types: setup
	$(BIN)/mypy

lint-imports: setup
	$(BIN)/lint-imports --no-logo

format: setup ## rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: setup ## run the notebooks from top to bottom
	$(BIN)/python .ci/run_notebooks.py $(ARGS)

wheel: setup ## build the wheel, install it alone and run its demo
	@sh .ci/check_wheel.sh

lock: ## write .ci/requirements/*.txt anew from pyproject.toml
	@sh .ci/setup.sh uv
	@sh .ci/lock.sh

clean: ## remove what the commands wrote, except .venv
	rm -rf demo-output dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .grimp_cache .hypothesis
	find . -path ./.venv -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -exec rm -rf {} +

clean-all: clean ## remove .venv as well
	rm -rf .venv
