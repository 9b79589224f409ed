"""Create label maps made of square blocks, and predictions for them that are right in most blocks."""
from pathlib import Path

import numpy as np
import torch
from PIL import Image

SIDE = 8  # side of a block in pixels


def _enlarge(blocks: np.ndarray) -> np.ndarray:
    return blocks.repeat(SIDE, 0).repeat(SIDE, 1)


def write_blocks(picture: Path, label_map: Path, numbers: np.ndarray) -> None:
    """Write an 8-bit label map with one block per number, and an image with one colour per number.

    Args:
        picture: image file to write.
        label_map: label map to write.
        numbers: (rows, columns) of blocks, 0 to 255.
    """
    for path in (picture, label_map):
        path.parent.mkdir(parents=True, exist_ok=True)
    labels = _enlarge(numbers.astype(np.uint8))
    colours = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
    Image.fromarray(colours[labels]).save(picture)
    Image.fromarray(labels).save(label_map)


def mostly_right(label_map: str | Path, classes: int, first: int) -> np.ndarray:
    """Return a prediction for a label map of blocks, in which about every third block has a random class.

    Args:
        label_map: the label map.
        classes: number of classes.
        first: number of the first class in the label map. Unlabelled blocks get a random class.

    Returns:
        (H, W) class numbers from 0.
    """
    blocks = np.asarray(Image.open(label_map))[::SIDE, ::SIDE].astype(int) - first
    rng = np.random.default_rng(int(blocks.sum()))  # equal label maps give equal predictions
    wrong = (blocks < 0) | (blocks >= classes) | (rng.random(blocks.shape) < 0.35)
    return _enlarge(np.where(wrong, rng.integers(0, classes, blocks.shape), blocks))


def answer_in_place_of_the_network(monkeypatch, classes: int, first: int = 0) -> list[tuple]:
    """Patch the decoder of every segmentor to output `mostly_right` for its input, at any size and mirrored or not.

    The steps after the decoder are not patched: resizing to the image, merging views, writing and evaluation.

    Args:
        monkeypatch: pytest's fixture.
        classes: number of classes.
        first: number of the first class in the label maps. Default: 0.

    Returns:
        list[tuple]: filled later with each view that is predicted: (height, width, whether it is mirrored).
    """
    from mmseg.models.decode_heads.decode_head import BaseDecodeHead
    views, predict = [], BaseDecodeHead.predict_by_feat

    def answer(self, seg_logits, batch_img_metas):
        logits = predict(self, seg_logits, batch_img_metas)
        for picture, meta in zip(logits, batch_img_metas):
            height, width = picture.shape[1:]
            found = Image.fromarray(mostly_right(meta['seg_map_path'], classes, first).astype(np.uint8))
            labels = np.array(found.resize((width, height), Image.Resampling.NEAREST), np.int64)
            labels = labels[:, ::-1].copy() if meta.get('flip') else labels
            picture.scatter_(0, torch.from_numpy(labels)[None], 1000.)
            views.append((height, width, bool(meta.get('flip'))))
        return logits

    monkeypatch.setattr(BaseDecodeHead, 'predict_by_feat', answer)
    return views
