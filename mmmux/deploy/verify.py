"""Compare the outputs of a runtime with those of the model."""
from collections.abc import Sequence

import numpy

# Rounding moves boxes by parts of a pixel and flips what stands on a threshold. Half precision rounds a thousand times coarser.
TOLERANCES = {'fp32': 1e-3, 'fp16': 3e-2}
SHARE = {'fp32': 0.005, 'fp16': 0.05}


def largest_difference(names: Sequence[str], ours: Sequence[numpy.ndarray], theirs: Sequence[numpy.ndarray],
                       precision: str = 'fp32') -> str | None:
    """Say in words how outputs differ by more than rounding, place by place, or return None.

    Args:
        names: of the outputs.
        ours: the outputs of a runtime.
        theirs: the outputs of the model.
        precision: in which ours were computed: 'fp32' or 'fp16'.
    """
    for name, our, their in zip(names, ours, theirs):
        complaint = _unusable(name, our, their)
        if complaint:
            return complaint
    for name, our, their in zip(names, ours, theirs):
        if not numpy.issubdtype(their.dtype, numpy.floating):
            different = float((our != their).mean())
            if different > SHARE[precision]:
                return f'{different:.2%} of {name} are different'
        else:
            error = float(numpy.abs(our - their).max() / max(numpy.abs(their).max(), 1e-12))
            if error > TOLERANCES[precision]:
                return f'{name} differ by {error:.1e} of their largest value'
    return None


def unmatched_detections(names: Sequence[str], ours: Sequence[numpy.ndarray], theirs: Sequence[numpy.ndarray],
                         precision: str = 'fp32') -> str | None:
    """As :func:`largest_difference` for boxes, scores and labels of detections, which may be in another order."""
    for name, our, their in zip(names, ours, theirs):
        complaint = _unusable(name, our, their)
        if complaint:
            return complaint
    tolerance = TOLERANCES[precision]
    lost = max(_unmatched(ours, theirs, tolerance), _unmatched(theirs, ours, tolerance))
    return f'{lost:.1%} of the detections have no counterpart' if lost > max(SHARE[precision], 0.02) else None


def _unusable(name: str, our: numpy.ndarray, their: numpy.ndarray) -> str | None:
    if our.shape != their.shape:
        return f'{name} has shape {our.shape} and should have {their.shape}'
    return None if numpy.isfinite(our).all() else f'{name} holds values that are not finite'


def _unmatched(ours: Sequence[numpy.ndarray], theirs: Sequence[numpy.ndarray], tolerance: float) -> float:
    """Share of our detections for which there is none of theirs with that label, about that score and about that box."""
    (boxes, scores, labels), (their_boxes, their_scores, their_labels) = ours, theirs
    size = max(float(numpy.abs(their_boxes).max()), 1.)
    unmatched = total = 0
    for picture in range(len(boxes)):
        found = labels[picture] >= 0
        # The last of a full list may be crowded out by one as good.
        edge = scores[picture][found].min() if found.all() else 0.
        for box, score, label in zip(boxes[picture][found], scores[picture][found], labels[picture][found]):
            alike = ((their_labels[picture] == label) & (numpy.abs(their_scores[picture] - score) <= tolerance)
                     & (numpy.abs(their_boxes[picture] - box).max(-1) <= tolerance * size))
            unmatched += not alike.any() and score > edge + tolerance
            total += 1
    return unmatched / max(total, 1)
