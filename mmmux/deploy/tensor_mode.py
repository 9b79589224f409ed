"""Wrap any model of mmengine as a function from preprocessed images to one named tensor."""
from torch import Tensor, nn

from mmmux.utils.errors import ConfigError


class TensorMode(nn.Module):
    """Map preprocessed images to the tensor that a model returns in mode 'tensor'.

    Args:
        model (nn.Module): Model with `forward(inputs, mode='tensor')`, as :class:`mmengine.model.BaseModel` defines it.

    Attributes:
        outputs (dict[str, str]): Name and meaning of the output.
        order (str): Order of the values in the output: '', unknown.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.outputs = dict(output="the tensor that the model's forward returns in mode 'tensor'")
        self.order = ''

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Map images to the model's output.

        Args:
            x (Tensor): Preprocessed images (N, 3, H, W).

        Returns:
            tuple[Tensor]: The tensor that the model returns, usually (N, ...).

        Raises:
            ConfigError: The model does not return a single tensor.
        """
        output = self.model(x, mode='tensor')
        if not isinstance(output, Tensor):
            raise ConfigError(f"{type(self.model).__name__} returns a {type(output).__name__} in mode 'tensor', and only a "
                              'single tensor can be exported: override the method `deployable` of the task')
        return (output, )
