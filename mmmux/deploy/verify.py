"""Compare the outputs of a runtime with those of the PyTorch model."""
from collections.abc import Sequence

import numpy

# Largest accepted error relative to the largest value, and largest accepted share of different labels. Rounding moves boxes by
# fractions of a pixel and flips values at a threshold; a half-precision number has 13 bits of significand less.
TOLERANCES = {'fp32': 1e-3, 'fp16': 3e-2}
SHARE = {'fp32': 0.005, 'fp16': 0.05}


def largest_difference(names: Sequence[str], ours: Sequence[numpy.ndarray], theirs: Sequence[numpy.ndarray],
                       precision: str = 'fp32') -> str | None:
    """Compare outputs element by element, and describe the first difference that exceeds rounding.

    Args:
        names (Sequence[str]): Names of the outputs.
        ours (Sequence[ndarray]): Outputs of a runtime.
        theirs (Sequence[ndarray]): Outputs of the PyTorch model, in the same order.
        precision (str): Precision of `ours`, 'fp32' or 'fp16'. Default: 'fp32'.

    Returns:
        str | None: The difference in words; None if the outputs agree.
    """
    complaint = _unusable(names, ours, theirs)
    if complaint:
        return complaint
    for name, our, their in zip(names, ours, theirs):
        if not numpy.issubdtype(their.dtype, numpy.floating):
            different = float((our != their).mean())
            if different > SHARE[precision]:
                return f'{different:.2%} of the values of {name} differ, and at most {SHARE[precision]:.2%} may'
        else:
            error = float(numpy.abs(our - their).max() / max(numpy.abs(their).max(), 1e-12))
            if error > TOLERANCES[precision]:
                return (f'{name} differ by {error:.1e} of their largest value, and at most {TOLERANCES[precision]:.1e} is '
                        'accepted')
    return None


def unmatched_detections(names: Sequence[str], ours: Sequence[numpy.ndarray], theirs: Sequence[numpy.ndarray],
                         precision: str = 'fp32') -> str | None:
    """Compare detections in any order, and describe the difference where too many have no counterpart.

    Args:
        names (Sequence[str]): Names of the outputs.
        ours (Sequence[ndarray]): Boxes (N, K, 4), scores (N, K) and labels (N, K) of a runtime.
        theirs (Sequence[ndarray]): Boxes, scores and labels of the PyTorch model.
        precision (str): Precision of `ours`, 'fp32' or 'fp16'. Default: 'fp32'.

    Returns:
        str | None: The difference in words; None if the outputs agree.
    """
    complaint = _unusable(names, ours, theirs)
    if complaint:
        return complaint
    tolerance = TOLERANCES[precision]
    lost = max(_unmatched(ours, theirs, tolerance), _unmatched(theirs, ours, tolerance))
    accepted = max(SHARE[precision], 0.02)
    if lost <= accepted:
        return None
    return f'{lost:.1%} of the detections have no counterpart, and at most {accepted:.1%} may have none'


def _unusable(names: Sequence[str], ours: Sequence[numpy.ndarray], theirs: Sequence[numpy.ndarray]) -> str | None:
    for name, our, their in zip(names, ours, theirs):
        if our.shape != their.shape:
            return f'{name} has shape {our.shape}, and PyTorch gives {their.shape}'
        if not numpy.isfinite(our).all():
            return f'{name} holds infinite or NaN values'
    return None


def _unmatched(ours: Sequence[numpy.ndarray], theirs: Sequence[numpy.ndarray], tolerance: float) -> float:
    """Return the share of our detections for which no detection of theirs has the same label, a close score and a close box.

    Scores may differ by `tolerance`, and coordinates by `tolerance` times the largest coordinate.
    """
    (boxes, scores, labels), (their_boxes, their_scores, their_labels) = ours, theirs
    size = max(float(numpy.abs(their_boxes).max()), 1.)
    unmatched = total = 0
    for picture in range(len(boxes)):
        found = labels[picture] >= 0
        # In a full list, an equally good detection may replace the last one.
        edge = scores[picture][found].min() if found.all() else 0.
        for box, score, label in zip(boxes[picture][found], scores[picture][found], labels[picture][found]):
            alike = ((their_labels[picture] == label) & (numpy.abs(their_scores[picture] - score) <= tolerance)
                     & (numpy.abs(their_boxes[picture] - box).max(-1) <= tolerance * size))
            unmatched += not alike.any() and score > edge + tolerance
            total += 1
    return unmatched / max(total, 1)
