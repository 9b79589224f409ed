"""Define the equal ways to compute a stage of MUXNet."""
from dataclasses import dataclass

NARROW = 96  # channels; narrower stages compute in place by default


@dataclass(frozen=True)
class StageForm:
    """One of several equal ways to compute a stage; the processor and the runtime decide which is the fastest.

    Attributes:
        in_place (bool | None): Channel-multiplexed blocks read and write all channels of the stage at their positions, with
            zeros in their 1x1 convolutions. Otherwise they extract the channels that they process and concatenate the result
            with the rest. The work on zeros grows with the square of the channels, the work of moving channels does not.
            Default: None, True in stages of fewer than `NARROW` channels.
        merged (bool): Compute mixed kernels as one depthwise convolution, zero-padded to the largest kernel. Otherwise compute
            one convolution for each kernel size. Default: True.
        halved (bool): Compute groups of two channels as four depthwise convolutions on halves of the channels. Otherwise
            compute one convolution in groups of eight channels (see :func:`mmmux.models.layers.pair_conv.in_wider_groups`).
            Default: True.
        spread (bool): Repeat the gates of squeeze-and-excitation for every pixel before the product. This writes more memory,
            but ONNX Runtime stays in its blocked layout for a product of equal shapes, and leaves it for one of unequal shapes.
            Default: False.
        cut (bool): Compute depthwise convolutions of few channels, as in the first stages with large features, in parts of the
            channels. Then the expanded channels are still in the processor's cache when they are convolved. Default: True.
    """
    in_place: bool | None = None
    merged: bool = True
    halved: bool = True
    spread: bool = False
    cut: bool = True

    def is_in_place(self, channels: int) -> bool:
        """Return whether a stage of so many channels is computed in place.

        Args:
            channels (int): Channels of the stage's output.

        Returns:
            bool: `in_place`, or its default for this number of channels.
        """
        return channels < NARROW if self.in_place is None else self.in_place


IN_RUNTIMES = StageForm()  # ONNX Runtime and OpenVINO
IN_TORCH = StageForm(in_place=True, halved=False, cut=False)
