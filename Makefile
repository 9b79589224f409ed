# The environment's own Python goes first, so that one made with PYTHON=... is kept. Each is tried by running it: a shim of
# that name may exist for a Python that does not.
PYTHON ?= $(shell for python in .venv/bin/python python3.11 python3.12 python3.10 python3; do \
    $$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$python && break; done)
WHEELS ?=
TORCH_INDEX ?=
VENV_PYTHON := .venv/bin/python

.PHONY: help setup demo demo-seg test lint clean

help:
	@echo 'make setup    make .venv with everything needed (again: ends within a second if nothing changed)'
	@echo 'make demo     setup, then train and test a small detector: demo/detection.py, results in work_dirs/demo'
	@echo 'make demo-seg  the same for segmentation: demo/segmentation.py, results in work_dirs/demo-seg'
	@echo 'make test     setup, then ruff and the tests'
	@echo 'make lint     setup, then ruff and codespell'
	@echo 'make clean    delete caches and build folders; .venv stays (delete it by hand to start over)'
	@echo
	@echo 'PYTHON=python3.12   the Python (3.10 to 3.12) that .venv is made with; default: the first that works'
	@echo 'WHEELS=DIR          a folder with ready-made wheels, for one an mmcv that need not be compiled'
	@echo 'TORCH_INDEX=URL     the pip index torch is taken from, for one that of its CPU builds'

setup:
	@$(or $(PYTHON),python3) requirements/install.py \
	    $(if $(WHEELS),--wheels '$(WHEELS)') $(if $(TORCH_INDEX),--torch-index '$(TORCH_INDEX)')

demo: setup
	$(VENV_PYTHON) demo/detection.py

demo-seg: setup
	$(VENV_PYTHON) demo/segmentation.py

test: setup
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m pytest

lint: setup
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m codespell_lib

clean:
	rm -rf build dist mmmux.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
