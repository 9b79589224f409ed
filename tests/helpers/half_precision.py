"""Skip tests that need half-precision convolutions on the CPU, which the oldest supported torch versions lack."""
import pytest
import torch


def half_on_cpu() -> bool:
    x = torch.zeros(1, 1, 1, 1, dtype=torch.float16)
    try:
        torch.nn.functional.conv2d(x, x)
    except RuntimeError:
        return False
    return True


needs_half_on_cpu = pytest.mark.skipif(not half_on_cpu(), reason='this torch convolves no half-precision numbers on the CPU')
