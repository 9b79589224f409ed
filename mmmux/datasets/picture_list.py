"""A data set of images without annotations."""
from collections.abc import Mapping, Sequence

from mmengine.dataset import BaseDataset

from mmmux.registry import DATASETS


@DATASETS.register_module()
class PictureList(BaseDataset):
    """Images without annotations, to predict with a test loop.

    Args:
        pictures (Sequence[str]): the image files.
        root (str): a folder of all of them; hooks name their files by the path inside it.
        metainfo (Mapping): that of the data set that the model was trained for, with `classes`.
        pipeline (Sequence[dict]): the transforms, none of which loads annotations.
    """

    def __init__(self, pictures: Sequence[str], root: str, metainfo: Mapping, pipeline: Sequence[dict]):
        self._pictures = list(pictures)
        super().__init__(metainfo=dict(metainfo), data_prefix=dict(img_path=root), pipeline=list(pipeline), test_mode=True)

    def load_data_list(self) -> list[dict]:
        """Return a data info for each image, with `img_path` and `img_id`, its number."""
        return [dict(img_path=path, img_id=number) for number, path in enumerate(self._pictures)]
