"""A hook that replays training steps on a GPU as one CUDA graph."""
import logging

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmmux.registry import HOOKS

_LABELS = ('gt_label', 'gt_score')


@HOOKS.register_module()
class CudaGraphHook(Hook):
    """Record a classifier's forward and backward pass once and replay it: the same results without thousands of launches.

    A small network on small pictures keeps a GPU waiting for its kernels to be launched; replayed (PyTorch's CUDA graphs), a
    step of MUXNet-m on 128 pictures of 32 x 32 takes half the time. It needs batches of one size, so the data loader should
    have `drop_last`; another size is trained step by step. On a CPU, with several processes, in mixed precision or with
    accumulated gradients, nothing changes.

    Args:
        warm_up: training steps before the recording, in which cuDNN chooses its algorithms.
    """

    def __init__(self, warm_up: int = 10):
        self.warm_up = warm_up

    def before_train(self, runner) -> None:
        """Put the replayed step in the model's place."""
        model, optim_wrapper = runner.model, runner.optim_wrapper
        if not next(model.parameters()).is_cuda:
            return
        if hasattr(model, 'module') or type(optim_wrapper) is not OptimWrapper or optim_wrapper._accumulative_counts != 1:
            print_log('CudaGraphHook: several processes, mixed precision or accumulated gradients are trained step by step',
                      logger='current', level=logging.WARNING)
            return
        model.train_step = GraphedStep(model, self.warm_up)

    def after_train(self, runner) -> None:
        """Give the model its own step back."""
        vars(runner.model).pop('train_step', None)


class GraphedStep:
    """mmengine's `train_step` of a classifier, replayed from a CUDA graph after a warm-up."""

    def __init__(self, model: nn.Module, warm_up: int):
        self.model = model
        self.plain_step = model.train_step
        self.warm_up = warm_up
        self.graph = None
        self.side = torch.cuda.Stream()

    def __call__(self, data, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """One training step on a batch; returns the losses by name."""
        if self.warm_up > 0:
            self.warm_up -= 1
            return self._on_side_stream(data, optim_wrapper)
        data = self.model.data_preprocessor(data, True)
        if self.graph is None and _stackable(data['data_samples']):
            self._record(data)
        if self.graph is None or data['inputs'].shape != self.inputs.shape:
            return self._plainly(data, optim_wrapper)
        self.inputs.copy_(data['inputs'])
        for name, static in self.labels.items():
            static.copy_(torch.stack([sample.get(name) for sample in data['data_samples']]))
        self.graph.replay()
        with torch.no_grad():
            for parameter, gradient in self.gradients:  # a step of another batch size may have taken them away
                parameter.grad = gradient
        optim_wrapper.step()
        return {name: value.clone() for name, value in self.losses.items()}

    def _on_side_stream(self, data, optim_wrapper) -> dict[str, Tensor]:
        # What is to be recorded must have run on a stream of its own before.
        self.side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.side):
            losses = self.plain_step(data, optim_wrapper)
        torch.cuda.current_stream().wait_stream(self.side)
        return losses

    def _record(self, data: dict) -> None:
        self.inputs = data['inputs'].clone()
        samples = data['data_samples']
        self.labels = {name: torch.stack([sample.get(name) for sample in samples]) for name in _LABELS if name in samples[0]}
        for index, sample in enumerate(samples):
            for name, static in self.labels.items():
                sample.set_field(static[index], name, field_type='data')
        self.model.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, capture_error_mode='thread_local'):  # loaders may use CUDA in threads of their own
            loss, self.losses = self._losses(dict(inputs=self.inputs, data_samples=samples))
            loss.backward()
        self.gradients = [(parameter, parameter.grad) for parameter in self.model.parameters() if parameter.grad is not None]

    def _losses(self, data: dict) -> tuple[Tensor, dict[str, Tensor]]:
        return self.model.parse_losses(self.model._run_forward(data, mode='loss'))

    def _plainly(self, data: dict, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        optim_wrapper.zero_grad()  # a replayed step leaves its gradients, to which these would be added
        loss, losses = self._losses(data)
        optim_wrapper.update_params(loss)
        return losses


def _stackable(samples) -> bool:
    """Whether every picture has as many labels as the others; where it may have any number, nothing can be recorded."""
    return all(len({tuple(sample.get(name).shape) for sample in samples}) == 1 for name in _LABELS if name in samples[0])
