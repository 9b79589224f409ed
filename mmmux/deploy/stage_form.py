"""The equal ways in which a stage of MUXNet can be computed."""
from dataclasses import dataclass


@dataclass(frozen=True)
class StageForm:
    """One of several equal ways of computing a stage. Which is the fastest depends on the processor and the runtime.

    Attributes:
        in_place: channel-multiplexed blocks read and write all channels of the stage where they are stored, by zeros in their
            1x1 convolutions; else they take the channels that they process out and leave the rest aside.
        merged: mixed kernels become one depthwise convolution, zero-padded to the largest; else each is one for itself.
        halved: two channels a group become four depthwise convolutions on halves of the channels; else one of eight channels a
            group (see :func:`mmmux.models.layers.pair_conv.in_wider_groups`).
    """
    in_place: bool = True
    merged: bool = True
    halved: bool = True


IN_RUNTIMES = StageForm()  # ONNX Runtime and OpenVINO
IN_TORCH = StageForm(halved=False)
