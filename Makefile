# What one types: `make run` to try mnemic, `make test` and `make lint` to change it. CONTRIBUTING.md explains each.

# The first of these that is Python 3.11 or newer and can make virtual environments. Override: make setup PYTHON=/path/to/python
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
# `make test` uses every core; the timing of single tests is theirs to bear.
JOBS ?= auto
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test test-slow test-postgres test-postgres-whole evals bench lint format clean

help:
	@echo 'make run            serve on 127.0.0.1:8321 with sample documents to search'
	@echo 'make setup          make $(VENV) with everything for running and developing'
	@echo 'make test           every test that needs no server'
	@echo 'make test-slow      the tests that take minutes'
	@echo 'make test-postgres  the storage tests on MNEMIC_TEST_POSTGRES_URL'
	@echo 'make test-postgres-whole  the API, memory and cache tests there as well, in minutes'
	@echo 'make evals          search quality on the development sets'
	@echo 'make bench          speed and memory'
	@echo 'make lint           ruff, pyright and the import directions'
	@echo 'make format         ruff format, and the fixes ruff is sure of'
	@echo 'make clean          remove $(VENV) and caches; mnemic-data stays'

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
ifeq ($(strip $(PYTHON)),)
	@echo 'mnemic needs Python 3.11 or newer with its venv module, and none is on the PATH.'
	@echo 'Install one (Debian, Ubuntu: apt install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3'
	@exit 1
else
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]' -c constraints.txt
	touch $(STAMP)
endif

run: setup
	@samples/run.sh $(BIN)

test: setup
	$(BIN)/pytest -n $(JOBS) --dist loadfile -m 'not slow' $(PYTEST_ARGS)

test-slow: setup
	$(BIN)/pytest -m slow $(PYTEST_ARGS)

# What of the other tests has found faults of PostgreSQL's alone, in half a minute.
SHORT := tests/unit/cache/test_service.py tests/api/test_cache.py tests/integration/test_erasure.py
test-postgres: setup
	MNEMIC_TEST_REQUIRE_POSTGRES=1 $(BIN)/pytest -m 'postgres and not slow' $(PYTEST_ARGS)
	MNEMIC_TEST_REQUIRE_POSTGRES=1 MNEMIC_TEST_STORE=postgres $(BIN)/pytest -m 'not slow' --timeout 60 $(SHORT) $(PYTEST_ARGS)

# Each of these tests takes whatever store it is given; by itself that is SQLite.
WHOLE := tests/api tests/property tests/unit/cache tests/integration/test_abstractive.py tests/integration/test_compression.py \
	tests/integration/test_consolidation.py tests/integration/test_context_sources.py tests/integration/test_erasure.py \
	tests/integration/test_retention.py tests/integration/test_search.py
test-postgres-whole: setup
	MNEMIC_TEST_REQUIRE_POSTGRES=1 MNEMIC_TEST_STORE=postgres \
		$(BIN)/pytest -n $(JOBS) --dist loadfile -m 'not slow' --timeout 60 $(WHOLE) $(PYTEST_ARGS)

evals: setup
	$(BIN)/python evals/run.py

bench: setup
	$(BIN)/python benchmarks/run.py

lint: setup
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
