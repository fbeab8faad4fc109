# Two commands do everything on a machine with Python 3.11 or later, git, make and a C compiler:
#   make demo   creates the environment and runs a simulated search, with a picture
#   make test   creates the environment and runs every check
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN = $(VENV)/bin
# `make demo CONSTRAINTS=` installs the newest versions instead of the tested ones.
CONSTRAINTS ?= constraints.txt
PIP_INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

comma = ,
EXTRAS = surrogates,regenerate,plots,hub,optuna,ray
TOOLS ?= dev,docs,gpu-check,jax,adapters
# Not those that nothing tested depends on (dev, docs), and not gpu-check: torch says which Triton.
TESTED = jax,onnx,adapters,test
# What computes functions, reads the data and models them, and the command line; nothing that trains.
CORE = $(addprefix tests/act_bench/,files functions spaces tables search publishing figures explore cli) \
	$(addprefix tests/surrogates/,regressors test_adapters.py test_embeddings.py test_exact.py \
	test_gaussian_process.py test_significance.py)

.PHONY: demo test lint types tests test-oldest test-newest core adapters benchmarks reports docs dist try-dist clean
.DEFAULT_GOAL := help

help:
	@sed -n '1,4s/^# \{0,1\}//p' Makefile

demo: $(VENV)/demo-installed
	$(BIN)/act-bench simulate mlp --trials 100 --evaluations 100 --output output/demo

test: lint types tests

lint: $(VENV)/test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(VENV)/test-installed
	$(BIN)/mypy

tests: $(VENV)/test-installed
	$(BIN)/pytest -n 2

# The core with the lower bound of every dependency in pyproject.toml, and with the newest there is
# of all; each in an environment of its own. Old libraries warn of new ones: no error here.
# `.ci/oldest.txt` names every version, so that pip has nothing to look for.
test-oldest:
	$(MAKE) core VENV=.venv-oldest CONSTRAINTS=.ci/oldest.txt TOOLS=$(TESTED)

# Writes that file again, by uv: where a bound in pyproject.toml changed.
oldest-pins: $(BIN)/python
	@mkdir -p build
	$(BIN)/pip install --quiet uv
	$(PYTHON) .ci/lower_bounds.py > build/bounds.txt
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --python-version 3.11 --constraint build/bounds.txt \
		$(foreach extra,$(subst $(comma), ,$(EXTRAS),$(TESTED)),--extra $(extra)) pyproject.toml --output-file build/oldest.txt
	$(PYTHON) .ci/lower_bounds.py --portable < build/oldest.txt > .ci/oldest.txt

# But for torch, of which each version brings gigabytes for GPUs from PyPI: that of constraints.txt.
test-newest:
	@mkdir -p build
	grep '^torch==' constraints.txt > build/newest.txt
	rm -rf .venv-newest
	$(MAKE) core VENV=.venv-newest CONSTRAINTS=build/newest.txt TOOLS=$(TESTED)

# Compiling all that is installed takes longer than the tests take for what they import.
core: PIP_INSTALL += --no-compile
core: $(VENV)/test-installed
	$(BIN)/pytest -o filterwarnings=default $(CORE)

# The adapters of examples/adapters, each in an environment with its library; what they do goes to
# docs/numbers/adapters.csv. The newest versions, which constraints.txt does not name. One thread: the
# matrices of these searches are small, and seconds of processor time count threads that wait.
ADAPTERS ?= $(basename $(notdir $(wildcard examples/adapters/*.py)))
NEEDS_botorch_outputs = torch==2.13.0 botorch
NEEDS_carps_task = carps
NEEDS_configspace_smac = ConfigSpace smac
# It needs NumPy 1, which pyarrow 26 does not import with.
NEEDS_mf_prior_bench = mf-prior-bench 'pyarrow<26'
NEEDS_nevergrad_choice = nevergrad
NEEDS_optuna_pruning = optuna
NEEDS_optunahub_problem = optuna optunahub
# Its repository of blackboxes imports what only an extra of it asks for.
NEEDS_syne_tune_blackbox = syne-tune huggingface-hub

adapters: $(addprefix adapter-,$(ADAPTERS))

adapter-%:
	$(PYTHON) -m venv .venv-adapters/$*
	.venv-adapters/$*/bin/pip install --quiet --disable-pip-version-check $(NEEDS_$*) --editable '.[surrogates]'
	OMP_NUM_THREADS=1 .venv-adapters/$*/bin/python -m builders.reports.adapters $*

benchmarks: $(VENV)/test-installed
	$(BIN)/python -m benchmarks

# The generated pages of the documentation; hours from nothing, goes on where it was stopped.
# `make reports REPORTS="--within 5"` makes the short ones, `REPORTS=--list` shows them.
reports: $(VENV)/test-installed
	$(BIN)/python -m builders.reports $(REPORTS)

# The site: these pages, the API reference and the explore page, as static files for any place.
# A warning, such as a link that leads nowhere, is an error.
docs: $(VENV)/test-installed
	$(BIN)/python docs/site/build.py output/docs

# What is published, and what a user gets of it: the wheel in an empty environment runs the examples
# of README, the sdist unpacked runs the two commands.
dist: $(BIN)/python
	rm -rf dist
	$(PIP_INSTALL) --editable '.[release]'
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

try-dist:
	$(PYTHON) .ci/try_dist.py dist --demo

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Act-Bench needs Python 3.11 or later, found " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo-installed: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(PIP_INSTALL) --editable '.[plots]'
	@touch $@

$(VENV)/test-installed: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(PIP_INSTALL) --editable '.[$(EXTRAS),$(TOOLS)]'
	@touch $@

clean:
	rm -rf $(VENV) .venv-oldest .venv-newest .venv-adapters build dist output .mypy_cache .pytest_cache .ruff_cache .hypothesis
