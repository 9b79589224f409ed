"""Optimiser wrappers that mmengine lacks."""
from .bf16_optim_wrapper import Bf16OptimWrapper

__all__ = ['Bf16OptimWrapper']
