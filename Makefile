# The family of packages, and the environment that holds them.
STACK ?= openmmlab
ifeq ($(filter openmmlab onedl,$(STACK)),)
$(error STACK=$(STACK) is neither openmmlab nor onedl)
endif
VENV ?= $(if $(filter onedl,$(STACK)),.venv-onedl,.venv)
OLDEST := .venv-oldest
JOBS ?= 2
WHEELS ?=
TORCH_INDEX ?=
# The tests of a file share what they have trained, so that one process runs them.
pytest = -m pytest --numprocesses $(JOBS) --dist loadfile

# The environment's own Python goes first, so that one made with PYTHON=... is kept. Each is tried by running it: a shim of
# that name may exist for a Python that does not.
find_python = $(shell for python in '$(1)/bin/python' python3.11 python3.12 python3.10 python3; do \
    "$$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $(2)))' 2>/dev/null && echo "$$python" && break; done)
install = '$(or $(PYTHON),$(call find_python,$(2),$(3)),python3)' requirements/install.py --stack $(1) --venv '$(2)' \
    $(if $(WHEELS),--wheels '$(WHEELS)') $(if $(TORCH_INDEX),--torch-index '$(TORCH_INDEX)')

.PHONY: help setup demo demo-seg test test-all test-nightly test-family test-oldest ruff lint clean
# Two test runs at once would print into each other.
.NOTPARALLEL:

help:
	@echo 'make setup         make the environment .venv (again: ends within a second if nothing changed)'
	@echo 'make demo          setup, then train and test a small detector: demo/detection.py, results in work_dirs/demo'
	@echo 'make demo-seg      the same for segmentation: demo/segmentation.py, results in work_dirs/demo-seg'
	@echo 'make test          setup, then ruff and the quick tests'
	@echo 'make test-all      setup, then ruff and all tests'
	@echo 'make test-nightly  all tests, repeated more often: 1000 networks, 1000 sizes, 50 kills'
	@echo 'make test-family   the tests that depend on the family of packages: use it with STACK=onedl'
	@echo 'make test-oldest   make .venv-oldest with the oldest packages that are supported, then the quick tests that need no mmcv operators'
	@echo 'make lint          setup, then ruff, codespell and a list of phrases that docstrings avoid'
	@echo 'make clean         delete caches and build folders; the environments stay (delete one by hand to start over)'
	@echo
	@echo 'STACK=onedl        the OneDL family in place of OpenMMLab, in .venv-onedl in place of .venv'
	@echo 'VENV=DIR           the environment; one that `make setup` did not make is used as it is, and never changed'
	@echo 'PYTHON=python3.12  the Python (3.10 to 3.12) that the environment is made with; default: the first that works'
	@echo 'JOBS=4             test processes, of one thread each; default: 2'
	@echo 'WHEELS=DIR         a folder with ready-made wheels, such as an mmcv that need not be compiled'
	@echo 'TORCH_INDEX=URL    the pip index of torch and torchvision, such as that of their CPU builds'

setup:
	@$(call install,$(STACK),$(VENV),12)

demo: setup
	'$(VENV)/bin/python' demo/detection.py

demo-seg: setup
	'$(VENV)/bin/python' demo/segmentation.py

test: ruff
	'$(VENV)/bin/python' $(pytest) -m 'not slow'

test-all: ruff
	'$(VENV)/bin/python' $(pytest)

test-nightly: ruff
	MMMUX_NIGHTLY=1 '$(VENV)/bin/python' $(pytest) --timeout 7200

test-family: setup
	'$(VENV)/bin/python' $(pytest) -m family

test-oldest:
	@$(call install,oldest,$(OLDEST),11)
	'$(OLDEST)/bin/python' $(pytest) -m 'not slow' tests/models tests/checkpoints tests/deploy tests/search

ruff: setup
	'$(VENV)/bin/python' -m ruff check

lint: ruff
	'$(VENV)/bin/python' -m codespell_lib
	'$(VENV)/bin/python' .dev_scripts/plain_english.py

clean:
	rm -rf build dist mmmux.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
