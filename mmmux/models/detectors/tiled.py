"""Merge the detections in the tiles of an image."""
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData

from mmmux.registry import MODELS


@MODELS.register_module()
class TiledDetector(BaseTTAModel):
    """Predict the tiles that :class:`mmmux.datasets.tiles.CutTiles` has cut, and merge their detections.

    Of two boxes of one class, the one with the lower score is removed if their intersection covers enough of the smaller box:
    a part of an object that a border of a tile has cut off then gives way to the whole object.

    Args:
        module (dict | nn.Module): The detector.
        covered (float): Share of the smaller box, 0 to 1. Defaults to 0.5.
        data_preprocessor (dict | nn.Module | None): As in mmengine's BaseTTAModel. Defaults to None.
    """

    def __init__(self, module, covered: float = 0.5, data_preprocessor=None):
        super().__init__(module, data_preprocessor)
        self.covered = covered

    def merge_preds(self, data_samples_list: Sequence[Sequence]) -> list:
        """Merge the data samples of each image.

        Args:
            data_samples_list (Sequence[Sequence[DetDataSample]]): For each image the data samples of the whole image and of its
                tiles, with `tile_offset` (x, y) in pixels and `pred_instances` in the coordinates of the tile.

        Returns:
            list[DetDataSample]: The data samples of the whole images with the detections of all tiles.
        """
        return [self._merged(samples) for samples in data_samples_list]

    def _merged(self, samples: Sequence):
        from sahi.postprocess.combine import batched_nms
        shifted = []
        for sample in samples:
            found = sample.pred_instances
            offset = found.bboxes.new_tensor([*sample.tile_offset, *sample.tile_offset])
            shifted.append(InstanceData(bboxes=found.bboxes + offset, scores=found.scores, labels=found.labels))
        found = InstanceData.cat(shifted)
        table = torch.cat([found.bboxes, found.scores[:, None], found.labels[:, None].to(found.scores)], 1)
        kept = batched_nms(table.cpu().numpy().astype(np.float64), 'IOS', self.covered) if len(table) else []
        kept = sorted(kept, key=lambda index: -float(found.scores[index]))
        whole = samples[0]
        whole.pred_instances = found[torch.tensor(kept, dtype=torch.long, device=found.scores.device)]
        return whole
