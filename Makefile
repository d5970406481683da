# The commands of the README. `make` alone lists them.
#
#   PYTHON       interpreter that makes the environment (3.11 or 3.12)
#   CORES        cores given to Snakemake
#   TORCH        build of torch: torch==2.13.0 (what the package index offers), or a CPU or CUDA
#                build by its local version, such as torch==2.13.0+cpu or torch==2.13.0+cu130
#   TORCH_INDEX  address of the wheel index that has that build; see pytorch.org, "Get started"
#   SNAKEMAKE_ARGS  passed on to Snakemake

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
CORES ?= all
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
SNAKEMAKE_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEVELOP := $(VENV)/.develop
INSTALL = PIP_EXTRA_INDEX_URL="$${PIP_EXTRA_INDEX_URL:-} $(TORCH_INDEX)" \
  $(BIN)/python -m pip install --quiet --no-compile --constraint requirements.lock
# pip compiles on one core. Where PYTHONDONTWRITEBYTECODE is set, as in many containers, what is not
# compiled here is compiled again by every process: 7 seconds a stage.
COMPILE = $(BIN)/python -m compileall -qq -j 0 -x '/(tests?|testing)/' $(VENV)/lib src || true
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup reproduce smoke audit test lint format docs lock clean

help:
	@echo "make reproduce   set up, run every stage of the default profile, write the report"
	@echo "make smoke       the same stages on small sizes (minutes)"
	@echo "make audit       check every result against its recorded provenance"
	@echo "make test        all tests"
	@echo "make lint        style, types and workflow checks"
	@echo "make format      put the code into the project's style"
	@echo "make docs        regenerate schemas and config/README.md from the typed configuration"
	@echo "make lock        resolve requirements.lock anew"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 12)))' || \
	  { echo "mfglab needs Python 3.11 or 3.12, got $$($(PYTHON) --version); set PYTHON=..." >&2; exit 1; }
	@echo "Setting up $(VENV) (a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) "$(TORCH)" setuptools
	@$(INSTALL) --no-build-isolation --editable .
	@$(COMPILE)
	@touch $(READY)

# What tests and linters need beside that. Not for all: where the Transformers of Hugging Face are
# installed Lightning loads them too, which costs every training stage more than a second.
$(DEVELOP): $(READY)
	@echo "Adding to $(VENV) what tests and linters need"
	@$(INSTALL) --no-build-isolation --editable ".[dev,huggingface]"
	@$(COMPILE)
	@touch $(DEVELOP)

reproduce: $(READY)
	snakemake --cores $(CORES) $(SNAKEMAKE_ARGS)
	@snakemake --cores 1 $(SNAKEMAKE_ARGS) --report results/default/report.html --quiet all
	@echo "Verdicts: results/default/claims/ledger.md   Report: results/default/report.html"

smoke: $(READY)
	snakemake --cores $(CORES) --configfile config/smoke.yaml $(SNAKEMAKE_ARGS)
	@snakemake --cores 1 --configfile config/smoke.yaml --report results/smoke/report.html --quiet all

audit: $(READY)
	snakemake audit --cores 1 $(SNAKEMAKE_ARGS) --quiet all

test: $(DEVELOP)
	OMP_NUM_THREADS=1 python -m pytest --quiet -n auto --dist loadfile --no-loadscope-reorder

lint: $(DEVELOP)
	ruff check
	ruff format --check
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

format: $(DEVELOP)
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow

docs: $(READY)
	python -m mfglab schema

lock: $(READY)
	@$(BIN)/python -m pip install --quiet pip-tools
	python workflow/lock.py

clean:
	rm -rf results/default results/smoke .snakemake lightning_logs
