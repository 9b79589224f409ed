"""mmdet's hook that draws boxes, for pictures in several folders."""
import mmcv
from mmdet.engine.hooks import DetVisualizationHook
from mmengine.fileio import get

from mmmux.engine.hooks.picture_names import PictureNames


class DrawBoxesHook(DetVisualizationHook):
    """In testing, draw every picture with its boxes, named as the picture and in the same subfolders.

    mmdet's hook names the drawn pictures without their folders, so that pictures of the same name overwrite one another.

    Args:
        *args: Positional arguments of mmdet's DetVisualizationHook.
        **kwargs: Keyword arguments of mmdet's DetVisualizationHook; `test_out_dir` must be given.

    Raises:
        DatasetError: Two pictures would get the same name.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._names = PictureNames()

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Draw the pictures of a batch."""
        if not self.draw or self.test_out_dir is None:
            super().after_test_iter(runner, batch_idx, data_batch, outputs)
            return
        for sample in outputs:
            name = self._names.name(sample.img_path, runner.test_dataloader.dataset, suffix=None)
            image = mmcv.imfrombytes(get(sample.img_path, backend_args=self.backend_args), channel_order='rgb')
            runner.visualizer.add_datasample(
                str(name), image, data_sample=sample, show=self.show, wait_time=self.wait_time, pred_score_thr=self.score_thr,
                out_file=f'{self.test_out_dir}/{name}')
