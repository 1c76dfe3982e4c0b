# make solve    set up where needed, then solve Burgers' equation and leave a run folder
# make test     set up where needed, then run the whole test suite, one worker a core
# make soak     run the long tests of kills and faults, one worker a core, up to 15 minutes
# make lowest   run a fast part of the tests with the lowest versions that pyproject.toml declares
# make lint     style, format, types, import contracts
# make docs     build the documentation into site/
# make bench    time the kernels
# make clean    remove builds and caches; the environments and runs/ stay
#
# PYTHON=... chooses the interpreter of .venv; ARGS=... goes to pytest, as in: make test ARGS='-k burgers';
# with -n0 among them there are no workers, and output is seen as it comes

PYTHON ?= python3
ARGS ?=

bin := .venv/bin
installed := .venv/.installed
lowest := .venv-lowest/.installed
# where NumPy, SciPy, matplotlib, meshio, rich and filelock are used
lowest_tests := tests/io tests/report tests/points tests/problem tests/problems tests/run/test_run_folder.py

.DELETE_ON_ERROR:
.PHONY: solve test soak lowest lint docs bench clean

solve: $(installed)
	$(bin)/pinnml solve burgers --seconds 60

test: $(installed)
	$(bin)/python -m pytest -n auto --dist worksteal $(ARGS)

soak: $(installed)
	$(bin)/python -m pytest -n auto --dist worksteal -m soak $(ARGS)

# Deprecations are told by the newest versions; of the lowest ones they are old news.
lowest: $(lowest)
	.venv-lowest/bin/python -m pytest -n auto --dist worksteal -m 'not slow and not soak and not gpu' \
	    -W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning $(lowest_tests) $(ARGS)

lint: $(installed)
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports

docs: $(installed)
	$(bin)/mkdocs build --strict

bench: $(installed)
	$(bin)/python -m pytest tests/benchmarks --benchmark-only $(ARGS)

clean:
	rm -rf site build dist *.egg-info
	rm -rf .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -path './.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# setuptools goes in first and builds the package outside an isolated environment, so that the pins hold for it too.
$(installed): pyproject.toml constraints.txt | $(bin)/python
	$(bin)/python -m pip install --disable-pip-version-check -c constraints.txt setuptools
	$(bin)/python -m pip install --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

# What is pinned lowest takes the place of its pin; files are compiled when they are imported, which few of them are.
$(lowest): pyproject.toml constraints.txt constraints-lowest.txt | $(bin)/python
	$(bin)/python -m venv .venv-lowest
	awk -F== 'NR == FNR { if (/^[^#]/) lowest[$$1]; print; next } !($$1 in lowest)' \
	    constraints-lowest.txt constraints.txt > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --disable-pip-version-check --no-compile -c .venv-lowest/constraints.txt setuptools
	.venv-lowest/bin/python -m pip install --disable-pip-version-check --no-compile -c .venv-lowest/constraints.txt \
	    --no-build-isolation -e . pytest pytest-xdist hypothesis
	@touch $@

$(bin)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "pinnml needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing)." \
	         "Name another: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
