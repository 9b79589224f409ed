"""Hook that records the training step on a GPU as a CUDA graph and replays it; the configs of small pictures use it."""
import logging

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmmux.registry import HOOKS
from mmmux.utils.compat import accumulated_iterations

_LABELS = ('gt_label', 'gt_score')


@HOOKS.register_module()
class CudaGraphHook(Hook):
    """Record the forward and backward pass of a classifier once as a CUDA graph and replay the graph in every later step.

    The results are the same. With a small network and small images, a GPU waits for the CPU to launch its kernels; a replayed
    step of MUXNet-m on 128 images of 32 x 32 pixels takes half the time. The graph serves one batch size only; batches of
    another size are computed without it, so set `drop_last` in the data loader. The hook has no effect on a CPU, with several
    processes, in mixed precision, or with accumulated gradients.

    Args:
        warm_up (int): Number of training steps before the recording, in which cuDNN chooses its algorithms. Defaults to 10.
    """

    def __init__(self, warm_up: int = 10):
        self.warm_up = warm_up

    def before_train(self, runner) -> None:
        """Replace the model's `train_step` by a :class:`GraphedStep`."""
        model, optim_wrapper = runner.model, runner.optim_wrapper
        if not next(model.parameters()).is_cuda:
            return
        if hasattr(model, 'module') or type(optim_wrapper) is not OptimWrapper or accumulated_iterations(optim_wrapper) != 1:
            print_log('CudaGraphHook records no CUDA graph with several processes, mixed precision or accumulated gradients: '
                      'the training runs without one', logger='current', level=logging.WARNING)
            return
        model.train_step = GraphedStep(model, self.warm_up)

    def after_train(self, runner) -> None:
        """Restore the model's own `train_step`."""
        vars(runner.model).pop('train_step', None)


class GraphedStep:
    """Replacement of mmengine's `train_step` for a classifier that records a CUDA graph after a warm-up and replays it.

    Args:
        model (nn.Module): The classifier, on a GPU.
        warm_up (int): Number of steps before the recording.
    """

    def __init__(self, model: nn.Module, warm_up: int):
        self.model = model
        self.plain_step = model.train_step
        self.warm_up = warm_up
        self.graph = None
        self.side = torch.cuda.Stream()

    def __call__(self, data, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Train one step.

        Args:
            data (dict): A batch of the data loader.
            optim_wrapper (OptimWrapper): mmengine's optimiser wrapper.

        Returns:
            dict[str, Tensor]: Loss name -> value.
        """
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
            for parameter, gradient in self.gradients:  # a step with another batch size replaces the gradient tensors
                parameter.grad = gradient
        optim_wrapper.step()
        return {name: value.clone() for name, value in self.losses.items()}

    def _on_side_stream(self, data, optim_wrapper) -> dict[str, Tensor]:
        # CUDA graphs require that the recorded operations ran before on a side stream.
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
        with torch.cuda.graph(self.graph, capture_error_mode='thread_local'):  # threads of data loaders may use CUDA meanwhile
            loss, self.losses = self._losses(dict(inputs=self.inputs, data_samples=samples))
            loss.backward()
        self.gradients = [(parameter, parameter.grad) for parameter in self.model.parameters() if parameter.grad is not None]

    def _losses(self, data: dict) -> tuple[Tensor, dict[str, Tensor]]:
        return self.model.parse_losses(self.model(**data, mode='loss'))

    def _plainly(self, data: dict, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        optim_wrapper.zero_grad()  # a replayed step leaves its gradients, and the backward pass would add to them
        loss, losses = self._losses(data)
        optim_wrapper.update_params(loss)
        return losses


def _stackable(samples) -> bool:
    """Return True if all images of a batch have the same number of labels, which a CUDA graph requires."""
    return all(len({tuple(sample.get(name).shape) for sample in samples}) == 1 for name in _LABELS if name in samples[0])
