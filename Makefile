# Two commands do everything: `make demo` and `make test`. Both set up what they need and repeat nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MODEL := $(VENV)/.model

.PHONY: help demo test lint docs benchmarks clean

help:
	@echo "make demo        learn three tasks from 0, 16 and 64 labels and write tuition-demo/report.html"
	@echo "make test        check style, types, structure and behaviour"
	@echo "make docs        build the documentation's site into site/; a warning is an error"
	@echo "make benchmarks  measure what the project claims (minutes to an hour)"
	@echo "make clean       remove the environment and what checks left"

demo: $(MODEL)
	@$(BIN)/tuition demo

test: $(MODEL) lint
	$(BIN)/python -m pytest -n 2

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

benchmarks: $(MODEL)
	$(BIN)/python benchmarks/rouge.py
	$(BIN)/python benchmarks/scores.py
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/collections.py
	$(BIN)/python benchmarks/prefix_generation.py
	$(BIN)/python benchmarks/prefix_training.py
	$(BIN)/python benchmarks/training.py --repeats 1
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/bootstrap.py --studies 0

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tuition needs Python 3.11 or later; make PYTHON=python3.12 demo names another")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

$(MODEL): $(STAMP)
	@$(BIN)/tuition models --fetch smollm2-135m > /dev/null
	@touch $@

clean:
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
