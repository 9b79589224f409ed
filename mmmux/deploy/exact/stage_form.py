"""The equal ways in which a stage of MUXNet can be computed."""
from dataclasses import dataclass

NARROW = 96  # channels


@dataclass(frozen=True)
class StageForm:
    """One of several equal ways of computing a stage. Which is the fastest depends on the processor and the runtime.

    Attributes:
        in_place: channel-multiplexed blocks read and write all channels of the stage where they are stored, by zeros in their
            1x1 convolutions; else they take the channels that they process out and leave the rest aside. None is the former in
            stages of fewer than `NARROW` channels: the zeros' work grows with the square of the channels, moving does not.
        merged: mixed kernels become one depthwise convolution, zero-padded to the largest; else each is one for itself.
        halved: two channels a group become four depthwise convolutions on halves of the channels; else one of eight channels a
            group (see :func:`mmmux.models.layers.pair_conv.in_wider_groups`).
        spread: SE's gates are spread over all pixels before the product. That is more to write, but ONNX Runtime leaves its
            blocked layout for a product of unequal shapes, and stays in it for one of equal shapes.
        cut: depthwise steps of few channels, which are early ones on large features, are computed in parts: what has been
            expanded is then still near the processor when it is convolved.
    """
    in_place: bool | None = None
    merged: bool = True
    halved: bool = True
    spread: bool = False
    cut: bool = True

    def is_in_place(self, channels: int) -> bool:
        """What `in_place` means for a stage of so many channels."""
        return channels < NARROW if self.in_place is None else self.in_place


IN_RUNTIMES = StageForm()  # ONNX Runtime and OpenVINO
IN_TORCH = StageForm(in_place=True, halved=False, cut=False)
