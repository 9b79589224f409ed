"""Save and restore the gradients that an optimiser has accumulated over iterations and not applied yet."""
from collections.abc import Mapping

from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from mmmux.utils.compat import accumulated_iterations


def accumulated_gradients(runner) -> dict[str, Tensor] | None:
    """Copy the accumulated gradients of the model of a training.

    Args:
        runner (Runner): mmengine's runner.

    Returns:
        dict[str, Tensor] | None: Gradient of each parameter that has one, on the CPU, by the name of the parameter. None if the
        training applies the gradients after each iteration.
    """
    if accumulated_iterations(runner.optim_wrapper) <= 1:
        return None
    return {name: parameter.grad.cpu() for name, parameter in _network(runner).named_parameters() if parameter.grad is not None}


def restore_gradients(runner, gradients: Mapping[str, Tensor]) -> None:
    """Set the gradients of the model of a training.

    Args:
        runner (Runner): mmengine's runner.
        gradients (Mapping[str, Tensor]): From :func:`accumulated_gradients`.
    """
    parameters = dict(_network(runner).named_parameters())
    for name, gradient in gradients.items():
        parameters[name].grad = gradient.to(parameters[name].device)


def _network(runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
