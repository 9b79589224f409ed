"""Parametrise tests that need a GPU."""
import pytest
import torch

# A pytest parameter: `-m gpu` selects the tests that use it, and benchmarks/gpu_acceptance.py runs these.
GPU = pytest.param('cuda', marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(),
                                                                      reason='torch finds no GPU')])
