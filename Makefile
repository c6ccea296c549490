# Lanewatch: `make demo` shows it, `make test` checks it, `make help` lists the rest.
# Needs git, make, Python 3.11 or newer and the package registries; no Docker.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
READY := $(VENV)/.ready
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.PHONY: help setup demo up down status clean test lint types imports docs docs-check pytest soak receivers fuzz format lock bench bench-ingest bench-licensing bench-policies bench-detection bench-forecast bench-alerts bench-recovery

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## Create .venv with everything, locked by hash

# The stamp is made anew only when a lock or the packaging changes.
$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lanewatch needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Set PYTHON=/path/to/python3.11."; exit 1; }
	@echo "Installing into $(VENV) (once; hash-locked) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot create a venv; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index -e .
	@touch $@

demo: $(READY) ## Replay the story of 2025 and print it
	@$(BIN)/lanewatch demo

up: $(READY) ## Start Kafka, PostgreSQL and the three services
	@$(BIN)/lanewatch up

down: $(READY) ## Stop them; the data stays
	@$(BIN)/lanewatch down

status: $(READY) ## Show what runs
	@$(BIN)/lanewatch status

clean: $(READY) ## Stop everything and remove the data
	@$(BIN)/lanewatch clean --yes

test: lint types imports docs-check pytest ## Run every check and test

lint: $(READY) ## Check style and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }

types: $(READY) ## Check types
	@$(BIN)/mypy

imports: $(READY) ## Check who may import whom
	@$(BIN)/lint-imports --no-logo

docs-check: $(READY) ## Check that the generated schemas and documents are current
	@$(BIN)/python -m shared.contract --check
	@$(BIN)/python -m services.licensing.facts_page --check

docs: $(READY) ## Write the generated schemas and tables
	@$(BIN)/python -m shared.contract
	@$(BIN)/python -m services.licensing.facts_page

# Files are shared out to two processes as they stand, so that the long ones, which come first, do not end last.
pytest: $(READY)
	@$(BIN)/python -m pytest -q -n $(or $(WORKERS),2) --dist loadgroup --no-loadscope-reorder

soak: $(READY) ## Any interleaving of events against the reference, 100,000 steps (STEPS, SEED); a broker paused for 30 s, and killed 10 times under 64 clients of two processes; four processes racing for 20,000 shipments; delivery killed 40 times
	@SOAK_STEPS=$(or $(STEPS),100000) SOAK_SEED=$(or $(SEED),1) $(BIN)/python -m pytest -q -s tests/model/test_any_interleaving.py -k soak
	@PAUSED_S=30 $(BIN)/python -m pytest -q -s tests/faults/ingest -k paused
	@KILLS=10 $(BIN)/python -m pytest -q -s tests/faults/ingest/test_two_processes.py
	@RACE=20000 $(BIN)/python -m pytest -q tests/faults/licensing/test_four_processes.py
	@KILLS=40 $(BIN)/python -m pytest -q -s tests/faults/alerts/test_two_workers.py

receivers: $(READY) ## Verify what is sent by the example receivers in Python, Node and Go (needs node, npm and go)
	@RECEIVERS=python,node,go $(BIN)/python -m pytest -q tests/integration/alerts/test_receivers.py

fuzz: $(READY) ## Post 200,000 spoilt bodies, ask anything of all three services, draw many examples (BODIES, SEED)
	@FUZZ_BODIES=$(or $(BODIES),200000) SEED=$(or $(SEED),1) $(BIN)/python -m pytest -q -s tests/fuzz
	@FUZZ_EXAMPLES=100 FUZZ_PHASES=examples,coverage,fuzzing,stateful SEED=$(or $(SEED),1) $(BIN)/python -m pytest -q tests/integration/shared/test_any_request.py
	@$(BIN)/python -m pytest -q --hypothesis-profile=many --hypothesis-seed=$(or $(SEED),1) tests/unit tests/integration/alerts/test_matching.py

format: $(READY) ## Format and fix what can be fixed
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

lock: $(READY) ## Recompile all locks (UPGRADE=--upgrade moves the Python ones, KAFKA=4.3.1 the broker)
	@$(COMPILE) $(UPGRADE) requirements/dev.in -o requirements/dev.txt
	@$(COMPILE) -c requirements/dev.txt requirements/run.in -o requirements/run.txt
	@$(BIN)/python -m lanewatch.stack.lock_jars $(KAFKA)

bench: bench-ingest bench-licensing bench-policies bench-detection bench-forecast bench-alerts bench-recovery ## Measure everything (some minutes)

bench-ingest: $(READY) ## Measure the ingest beside the bare parts and the usual way
	@$(BIN)/python -m benchmarks.ingest.run

bench-licensing: $(READY) ## Measure licensing beside a naive consumer and the floor
	@$(BIN)/python -m benchmarks.licensing.run

bench-policies: $(READY) ## Measure what monitoring rules cost, and a backtest over a million decisions
	@$(BIN)/python -m benchmarks.policies.run

bench-detection: $(READY) ## Measure how soon a lane's change is told, beside two usual rules
	@$(BIN)/python -m benchmarks.detection.run

bench-forecast: $(READY) ## Backtest the forecast over simulated licences
	@$(BIN)/python -m benchmarks.forecast.run

bench-alerts: $(READY) ## Measure matching and delivery, beside a plain client and with bad endpoints
	@$(BIN)/python -m benchmarks.alerts.run

bench-recovery: $(READY) ## Measure a recovery of 100,000 alerts beside others, and what evidence costs
	@$(BIN)/python -m benchmarks.alerts_recovery.run
	@$(BIN)/python -m benchmarks.alerts_evidence.run
