# Groundwork. `make` lists what can be done.

PYTHON  ?= python3
PORT    ?= 8501
ADDRESS ?= 127.0.0.1
export GROUNDWORK_PROJECTS ?= projects

BIN    := .venv/bin
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.PHONY: help app sample test lint browser constraints clean

help: ## Show this list
	@echo "make app      start Groundwork (PORT=8501 ADDRESS=127.0.0.1 GROUNDWORK_PROJECTS=projects)"
	@echo "make test     every check and every test, those in a real browser included"
	@echo "make lint     the checks alone: ruff and mypy"
	@echo "make browser  install what the tests need: Chromium, a Korean font, libfaketime"
	@echo "make clean    remove what make made, but never a project"
	@echo "PYTHON=...    another Python (3.11 or newer) than python3"

app: .venv/app
	@[ -d "$$GROUNDWORK_PROJECTS" ] || $(MAKE) sample
	@exec $(BIN)/streamlit run app.py --server.address "$(ADDRESS)" --server.port "$(PORT)"

# The first project, so that there is something to look at. An existing folder is left alone.
sample: .venv/app
	@echo "Making the sample projects (four rounds of work take about 15 s) ..."
	@rm -rf "$$GROUNDWORK_PROJECTS.part" && mkdir -p "$$GROUNDWORK_PROJECTS.part"
	@$(BIN)/python -m samples.tour "$$GROUNDWORK_PROJECTS.part"
	@mv "$$GROUNDWORK_PROJECTS.part" "$$GROUNDWORK_PROJECTS"

test: lint browser
	@$(BIN)/python -m pytest -n auto --dist loadfile --ignore tests/browser
	@$(BIN)/python -m pytest tests/browser

lint: .venv/dev
	@$(BIN)/ruff check --quiet --output-format concise .
	@$(BIN)/ruff format --quiet --check . || { echo "Run .venv/bin/ruff format ." >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary

browser: .venv/dev
	@PYTHON=$(BIN)/python tests/browser/install

# Stamps: what is newer than its list need not be installed again.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Groundwork needs Python 3.11 or newer, and $(PYTHON) is" \
		"$$($(PYTHON) --version 2>&1 | head -n 1). Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "$(PYTHON) cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/app: requirements.txt constraints.txt | .venv/bin/python
	@echo "Installing what the app needs ..."
	@$(PIP) -r requirements.txt
	@touch $@

.venv/dev: requirements.txt requirements-dev.txt constraints.txt | .venv/bin/python
	@echo "Installing what the tests need ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@ .venv/app

constraints: | .venv/bin/python ## Pin the closure anew after a change of the requirements
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@head -n 3 constraints.txt > .venv/constraints
	@$(BIN)/python -m pip freeze --exclude pip --exclude setuptools >> .venv/constraints
	@cp .venv/constraints constraints.txt

clean:
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
