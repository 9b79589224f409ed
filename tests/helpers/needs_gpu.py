"""What tests of a GPU have in common."""
import pytest
import torch

# A parameter: `-m gpu` chooses the tests that have it, as `benchmarks/gpu_acceptance.py` does.
GPU = pytest.param('cuda', marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(),
                                                                      reason='torch sees no GPU')])
