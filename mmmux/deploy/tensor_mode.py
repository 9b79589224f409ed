"""A model's forward as a function from prepared pictures to one named tensor."""
from torch import Tensor, nn

from mmmux.utils.errors import ConfigError


class TensorMode(nn.Module):
    """A model of mmengine that returns one tensor in mode 'tensor'.

    Args:
        model: with `forward(inputs, mode='tensor')`, as :class:`mmengine.model.BaseModel` defines it.

    Attributes:
        outputs: the name and meaning of the output.
        order: of the values in it: ''.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.outputs = dict(output="what the model's forward returns in mode 'tensor'")
        self.order = ''

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """(N, 3, H, W) -> the model's output.

        Raises:
            ConfigError: the model returns something else than one tensor.
        """
        output = self.model(x, mode='tensor')
        if not isinstance(output, Tensor):
            raise ConfigError(f"{type(self.model).__name__} returns a {type(output).__name__} in mode 'tensor', and only one "
                              "tensor can be exported: define the task's deployable")
        return (output, )
