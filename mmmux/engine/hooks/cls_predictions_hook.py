"""Hook that draws the predictions of a classifier."""
from pathlib import Path

import numpy as np
from mmengine.hooks import Hook

from mmmux.datasets.channels import viewable
from mmmux.datasets.loading import picture_in_memory
from mmmux.registry import HOOKS
from mmmux.visualization.scores import with_scores

from .picture_names import PictureNames


@HOOKS.register_module()
class ClsPredictionsHook(Hook):
    """Write a PNG of every test image with its highest scores, with the name and subfolder of the image file.

    Args:
        out_dir (str): Folder for the PNG files. Images without a file of their own, as in CIFAR's batches, are named by their
            index in the data set.

    Raises:
        DatasetError: Two images would be written to the same file.
    """

    def __init__(self, out_dir: str):
        self.out_dir = Path(out_dir)
        self._names = PictureNames()

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Draw the images of a batch."""
        dataset = runner.test_dataloader.dataset
        for sample in outputs:
            name, image = self._read(dataset, sample)
            truth = sample.gt_label.tolist() if 'gt_label' in sample else None
            drawn = with_scores(image, sample.pred_score.cpu().numpy(), dataset.metainfo['classes'], truth)
            path = self.out_dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn.save(path)

    def _read(self, dataset, sample) -> tuple[Path, np.ndarray]:
        path = sample.get('img_path')
        if path is None:
            return Path(f'{sample.sample_idx:06d}.png'), picture_in_memory(dataset.get_data_info(sample.sample_idx))
        return self._names.name(path, dataset), viewable(path)
