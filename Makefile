# make search   searches a small network on this machine and writes a report
# make test     style, imports, tests; what CI runs
# Both make the virtual environment .venv first, where it is missing.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || echo python3)
VENV ?= .venv
WORKDIR ?= runs/quickstart
READY := $(VENV)/ready

.PHONY: search test
search: $(READY)
	$(VENV)/bin/python -m search.main --flagfile=flags/quickstart.flags --workdir=$(WORKDIR)

test: $(READY)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python -m pytest --ignore-glob='tests/ray_*'
	@# In a process of their own: Ray's client is native code that may end its whole process.
	$(VENV)/bin/python -m pytest tests/ray_*_test.py tests/ray_test.py

$(READY): setup.py pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 13) else f"Python 3.11 or 3.12 is needed, {sys.executable} is {v[0]}.{v[1]}; say make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(READY)
