# make run | test | lint | bench | asan | mutants | judge | fuzz | explore | wheel | browser | clean: each sets up what it needs by itself.
# A C11 compiler, Python 3.11 or newer and make are all that must be there; the rest goes into .venv.
#
#   PYTHON=python3.12 make test     another interpreter
#   make test TESTS=tests/format    some of the Python tests
#   make test JOBS=4                how many at once: one more than processors, as tests also wait

PYTHON ?= python3
JOBS ?= $(shell expr 1 + $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2))
TESTS ?= tests traces
VENV := .venv
BUILD := build
ASAN := build-asan
BIN := $(CURDIR)/$(VENV)/bin
export PATH := $(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Bytecode is kept, whatever the caller thinks of it: hundreds of processes would compile what they import.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint format bench fuzz explore asan mutants judge wheel build browser clean
.DEFAULT_GOAL := build

# --- set-up ------------------------------------------------------------------------------------------

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "powercut needs Python 3.11 or newer: install it, or name one with PYTHON=... make" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments: install its venv module (on Debian: apt install python3-venv)" >&2; exit 1; }
	@$(or $(CC),cc) --version >/dev/null 2>&1 || \
	  { echo "powercut needs a C11 compiler: install gcc or clang, or name one with CC=... make" >&2; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# The tools; again when pyproject.toml changes.
$(VENV)/tools.stamp: pyproject.toml | $(VENV)/bin/python
	@$(PYTHON) harness/tools/dev_requirements.py pyproject.toml > $(VENV)/requirements.txt
	@$(BIN)/python -m pip install --quiet -r $(VENV)/requirements.txt
	@touch $@

# The editable install: Python is read where it lies, C is built again when it is imported.
$(BUILD)/install.stamp: $(VENV)/tools.stamp meson.options harness/tools/ninja_of_import.sh
	@echo "building"
	@NINJA=$(CURDIR)/harness/tools/ninja_of_import.sh $(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --config-settings=build-dir=$(BUILD) --config-settings=setup-args=-Dwerror=true -e .
	@touch $@

# Python too is compiled here: the editable install reads bytecode, but keeps none.
build: $(BUILD)/install.stamp
	@harness/tools/ninja_alone.py -C $(BUILD) --quiet >$(BUILD)/make.log 2>&1 || { cat $(BUILD)/make.log >&2; exit 1; }
	@$(BIN)/python -m compileall -q harness models

# --- what people ask for -----------------------------------------------------------------------------

run: build
	@$(BIN)/python -m powercut.demo

test: build browser
	@$(BIN)/meson test -C $(BUILD) --print-errorlogs >$(BUILD)/test.log 2>&1 && grep -E '^Ok:|^No tests' $(BUILD)/test.log \
	  || { cat $(BUILD)/test.log >&2; exit 1; }
	@POWERCUT_BUILT=$(CURDIR)/$(BUILD) $(BIN)/python -m pytest -q -n $(JOBS) $(TESTS)

browser: build
	@harness/tools/browser.sh $(BUILD)/browser.log

lint: build
	@harness/tools/lint.sh $(BUILD)

format: build
	@$(BIN)/clang-format -i $$(find csrc tests -name '*.[ch]')
	@$(BIN)/ruff format -q harness models tests

bench: build
	@$(BIN)/powercut bench crash
	@$(BIN)/powercut bench engine

fuzz: build
	@tests/fuzz/fuzz.sh $(BUILD)/fuzz $(or $(SECONDS_OF_FUZZING),600)

explore: build
	@$(BIN)/powercut fuzz --seconds $(or $(SECONDS_OF_FUZZING),600) --work $(BUILD)/explore

mutants: build
	@$(BIN)/python -m powercut.mutants run

judge: build
	@$(BIN)/python tests/crash/acquit.py $(BUILD) --states $(or $(STATES),10000000)

wheel: build
	@harness/tools/wheel.sh $(BUILD)

asan: build
	@harness/tools/asan.sh $(BUILD) $(ASAN)

clean:
	@rm -rf $(BUILD) $(ASAN) $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find harness models tests -name __pycache__ -type d -prune -exec rm -rf {} +
