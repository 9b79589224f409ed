# The family of packages for detection and segmentation.
STACK ?= openmmlab
ifeq ($(filter openmmlab onedl,$(STACK)),)
$(error STACK=$(STACK) is none of openmmlab and onedl)
endif
DENSE := $(if $(filter onedl,$(STACK)),.venv-onedl,.venv)
CLASSIFICATION := .venv-classification
# The longest of those that have nothing to do with the packages of an environment run in .venv alone.
IN_OTHERS := -k 'not compiled_network and not two_processes_get_the_gradients_of_one and not thousand_random_genomes \
    and not test_executors and not test_any_size'
JOBS ?= 2
# A file's tests share what they have trained, so that they stay together.
IN_JOBS := --numprocesses $(JOBS) --dist loadfile
WHEELS ?=
TORCH_INDEX ?=

# The environment's own Python goes first, so that one made with PYTHON=... is kept. Each is tried by running it: a shim of
# that name may exist for a Python that does not.
find_python = $(shell for python in $(1)/bin/python python3.11 python3.12 python3.10 python3; do \
    $$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$python && break; done)
install = $(or $(PYTHON),$(call find_python,$(2)),python3) requirements/install.py --stack $(1) \
    $(if $(WHEELS),--wheels '$(WHEELS)') $(if $(TORCH_INDEX),--torch-index '$(TORCH_INDEX)')

.PHONY: help setup setup-classification demo demo-seg test test-dense test-classification ruff lint clean
# Both setups link mmmux/.mim, and two test runs at once would print into each other.
.NOTPARALLEL:

help:
	@echo 'make setup                 make .venv, for detection and segmentation (again: ends within a second if nothing changed)'
	@echo 'make setup-classification  make .venv-classification, for classification: another torch, with its torchvision'
	@echo 'make demo                  setup, then train and test a small detector: demo/detection.py, results in work_dirs/demo'
	@echo 'make demo-seg              the same for segmentation: demo/segmentation.py, results in work_dirs/demo-seg'
	@echo 'make test                  both setups, then ruff and the tests in both environments'
	@echo 'make test-dense            setup, then the tests of detection and segmentation alone'
	@echo 'make test-classification   setup-classification, then the tests in .venv-classification alone'
	@echo 'make lint                  setup, then ruff and codespell'
	@echo 'make clean                 delete caches and build folders; the environments stay (delete one by hand to start over)'
	@echo
	@echo 'STACK=onedl         setup, demos and tests with the OneDL family in place of OpenMMLab (.venv-onedl in place of .venv)'
	@echo 'PYTHON=python3.12   the Python (3.10 to 3.12) that an environment is made with; default: the first that works'
	@echo 'JOBS=4              processes that the tests are shared out among, of one thread each; default: 2'
	@echo 'WHEELS=DIR          a folder with ready-made wheels, for one an mmcv that need not be compiled'
	@echo 'TORCH_INDEX=URL     the pip index torch and torchvision are taken from, for one that of their CPU builds'

setup:
	@$(call install,$(STACK),$(DENSE))

setup-classification:
	@$(call install,classification,$(CLASSIFICATION))

demo: setup
	$(DENSE)/bin/python demo/detection.py

demo-seg: setup
	$(DENSE)/bin/python demo/segmentation.py

# Classification does not depend on STACK.
test: ruff test-dense $(if $(filter onedl,$(STACK)),,test-classification)

# A test that needs a package of the other environment is skipped, with that package named.
test-dense: setup
	$(DENSE)/bin/python -m pytest $(IN_JOBS) $(if $(filter onedl,$(STACK)),$(IN_OTHERS))

test-classification: setup-classification
	$(CLASSIFICATION)/bin/python -m pytest $(IN_JOBS) $(IN_OTHERS)

ruff: setup
	$(DENSE)/bin/python -m ruff check

lint: ruff
	$(DENSE)/bin/python -m codespell_lib

clean:
	rm -rf build dist mmmux.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
