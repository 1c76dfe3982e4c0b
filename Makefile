# make solve    set up where needed, then solve Burgers' equation and leave a run folder
# make test     set up where needed, then run the whole test suite, one worker a core
# make soak     run the long tests of kills and faults, up to 15 minutes
# make lint     style, format, types, import contracts
# make docs     build the documentation into site/
# make bench    time the kernels
# make clean    remove builds and caches; .venv and runs/ stay
#
# PYTHON=... chooses the interpreter of .venv; ARGS=... goes to pytest, as in: make test ARGS='-k burgers';
# with -n0 among them there are no workers, and output is seen as it comes

PYTHON ?= python3
ARGS ?=

bin := .venv/bin
installed := .venv/.installed

.DELETE_ON_ERROR:
.PHONY: solve test soak lint docs bench clean

solve: $(installed)
	$(bin)/pinnml solve burgers --seconds 60

test: $(installed)
	$(bin)/python -m pytest -n auto --dist worksteal $(ARGS)

soak: $(installed)
	$(bin)/python -m pytest -m soak $(ARGS)

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
	find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# setuptools goes in first and builds the package outside an isolated environment, so that the pins hold for it too.
$(installed): pyproject.toml constraints.txt | $(bin)/python
	$(bin)/python -m pip install --disable-pip-version-check -c constraints.txt setuptools
	$(bin)/python -m pip install --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

$(bin)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "pinnml needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing)." \
	         "Name another: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
