# Oleander from a bare clone: all it needs is git, make and Python 3.11, 3.12 or 3.13.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help doctor demo test bench precision faults docs lint lock clean force

# The interpreter that a new .venv is made with; empty: the first suitable one on the PATH.
PYTHON ?=
# Cores of `make demo`: a number or `all`.
CORES ?= all
# Of `make test`: how many tests run beside one another, those of one file never.
WORKERS ?= 2
# Of the fault campaign: kills at least, and the seed of what is drawn.
KILLS ?= 60
SEED ?= 0
# More arguments: make test PYTEST_ARGS="-k sever", make lock LOCK_ARGS=--upgrade, make faults FAULTS_ARGS=--short
PYTEST_ARGS ?=
LOCK_ARGS ?=
FAULTS_ARGS ?=

UV_VERSION := 0.13.9
BIN := .venv/bin
# TOOLS: a sound .venv with uv in it, made in this folder. READY: the lock and the package installed in it.
TOOLS := .venv/.tools
READY := .venv/.ready
# Where the home folder is read-only uv keeps its cache in .venv.
ifneq ($(shell cache="$${UV_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/uv}"; mkdir -p "$$cache" 2>/dev/null && test -w "$$cache" && echo yes),yes)
export UV_CACHE_DIR := $(CURDIR)/.venv/.uv-cache
endif
# Bytecode at once: every job imports torch, seconds slower without where PYTHONDONTWRITEBYTECODE is set.
INSTALL = $(BIN)/uv pip install --compile-bytecode --python $(BIN)/python

# What a cluster's modules leave in these would shadow what .venv holds; the doctor is to tell of it.
export OLEANDER_FOREIGN_PYTHONPATH := $(PYTHONPATH)
unexport PYTHONHOME PYTHONPATH
# Files are UTF-8, whatever the locale.
export PYTHONUTF8 := 1

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s  %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PYTHON=/path/to/python3.12 names the interpreter of a new .venv, CORES=n the cores of the demo."

# Without $(READY): it is to say what is wrong with .venv, not to put it right.
doctor:  ## check what is installed, data, GPU, Slurm and disk space
	@python=$(BIN)/python; test -x "$$python" || python=$(or $(PYTHON),python3); \
	PYTHONPATH=src "$$python" -m oleander.doctor

demo: $(READY)  ## draw the main figures of both papers at demo scale
	@echo "== Running the workflow at demo scale: the main figures of both papers, from embedded data"
	$(BIN)/snakemake --profile workflow/profiles/default --cores $(CORES) --config scale=demo -- headlines
	@$(BIN)/snakemake --profile workflow/profiles/default --quiet all --cores 1 --config scale=demo only_existing=true -- summary

test: $(READY)  ## run the test suite
	@echo "== Testing"
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(PYTEST_ARGS)

bench: $(READY)  ## measure speed beside the usual ways to train
	@echo "== Measuring"
	$(BIN)/python -m oleander.bench docs/speed.md

precision: $(READY)  ## hold training in bfloat16 against float32: results/reference/precision
	@echo "== Training in both precisions"
	$(BIN)/python -m oleander.precision_study "$(OLEANDER_DATA)" results/reference/precision results/precision

# In tests, so that its modules are found. What is recorded is the evidence of a whole campaign.
faults: $(READY)  ## kill, fill disks, damage files, and compare with an undisturbed run
	@echo "== Running the workflow under faults"
	cd tests && ../$(BIN)/python -m faults.campaign --kills $(KILLS) --seed $(SEED) \
	    --evidence ../results/reference/faults $(FAULTS_ARGS)

docs: $(READY)  ## write the tables of README.md and docs/ anew
	@echo "== Writing the tables of the documentation"
	$(BIN)/python docs/tables.py

lint: $(READY)  ## check the style of code and workflow, and the library's types
	@echo "== Linting"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules workflow/papers
	$(BIN)/mypy
	@# Jobs run in the environment that Snakemake itself runs in, so that no rule names one.
	@found=$$($(BIN)/snakemake --lint 2>&1); \
	if ! echo "$$found" | grep -q "Lints for rule\|Congratulations" || \
	    echo "$$found" | grep "^    \*" | grep -qv "Specify a conda environment or container"; \
	then echo "$$found"; exit 1; fi

# Needs uv alone: a lock that cannot be installed must not stand in the way of a better one.
lock: $(TOOLS)  ## pin what pyproject.toml asks for anew, with hashes
	@echo "== Pinning what pyproject.toml asks for"
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --output-file envs/requirements.lock --quiet \
	    --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" $(LOCK_ARGS)
	@echo "== envs/requirements.lock is written; envs/oleander.yaml takes its pins from it"

clean:  ## remove .venv and the tools' caches; results stay
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find src scripts tests -type d -name __pycache__ -prune -exec rm -rf {} +

# The editable install of a copied checkout would import the original's code, and an upgraded system can
# take the interpreter away: either way .venv is made afresh.
ifneq ($(shell test "$$(cat $(TOOLS) 2>/dev/null)" = "$(CURDIR)" && $(BIN)/python -c 'print("sound")' 2>/dev/null),sound)
$(TOOLS): force
endif

$(TOOLS):
	@set -e; \
	if [ -L .venv ]; then \
	    echo "error: .venv is a link to $$(readlink .venv), and making it anew would empty that folder; remove the link" >&2; \
	    exit 1; \
	fi; \
	chosen=; seen=; \
	for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    version=$$("$$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) \
	        || { seen="$$seen, $$candidate does not run"; continue; }; \
	    case "$$version" in \
	        3.11|3.12|3.13) ;; \
	        *) seen="$$seen, $$candidate is Python $$version"; continue ;; \
	    esac; \
	    "$$candidate" -c 'import ensurepip, venv' 2>/dev/null \
	        || { seen="$$seen, $$candidate ($$version) cannot make virtual environments"; continue; }; \
	    chosen=$$candidate; break; \
	done; \
	if [ -z "$$chosen" ]; then \
	    echo "error: Oleander needs Python 3.11, 3.12 or 3.13 with its venv module ($${seen#, });" \
	        "install one (on Debian and Ubuntu with python3-venv) or name it:" \
	        "make PYTHON=/path/to/python3.12" >&2; \
	    exit 1; \
	fi; \
	echo "== Making .venv with $$chosen (Python $$version)"; \
	"$$chosen" -m venv --clear .venv; \
	echo "== Installing uv $(UV_VERSION) in it"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	printf '%s\n' "$(CURDIR)" > $@

# While it runs neither mark stands, so that an interrupted installation is begun afresh: half-written
# packages would pass for installed ones. The build constraint pins what builds the one source package.
$(READY): $(TOOLS) envs/requirements.lock pyproject.toml
	@rm -f $@
	@mv $(TOOLS) $(TOOLS).unfinished
	@echo "== Installing envs/requirements.lock, hashes checked (about 3 GB to download the first time)"
	$(INSTALL) --require-hashes --build-constraints envs/requirements.lock --requirements envs/requirements.lock
	@echo "== Installing oleander itself, editable"
	$(INSTALL) --no-build-isolation --no-deps --editable .
	@mv $(TOOLS).unfinished $(TOOLS)
	@touch $@
	@echo "== .venv is ready"
