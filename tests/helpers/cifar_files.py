"""Write small CIFAR-10 and CIFAR-100 data sets in the published file format."""
import hashlib
import pickle
from pathlib import Path

import numpy as np


class CIFARFiles:
    """Write files of random images, in the folders that the published archive has.

    Args:
        root: folder to write into, as if the archive were unpacked there.
        kind: mmmux's CIFAR10 or CIFAR100, or a subclass; it gives the file names.
        train: number of images in each training file. Default: 2.
        test: number of images in each test file. Default: 2.

    Attributes:
        kind: the argument.
        folder: the folder of the files.
        pictures: for each split the images (N, 32, 32, 3), RGB, 0 to 255, in the order of the files.
        labels: for each split the class numbers (N, ).
        lists: `train_list` and `test_list` of the data set, with the MD5 sums of these files.
    """

    def __init__(self, root: Path, kind: type, train: int = 2, test: int = 2):
        rng = np.random.default_rng(0)
        classes = len(kind.METAINFO['classes'])
        self.kind, self.folder = kind, Path(root) / kind.base_folder
        self.folder.mkdir(parents=True)
        self.pictures, self.labels, self.lists = {}, {}, {}
        for split, number in dict(train=train, test=test).items():
            names = [name for name, _ in getattr(kind, f'{split}_list')]
            self.pictures[split] = rng.integers(0, 256, (len(names) * number, 32, 32, 3), dtype=np.uint8)
            self.labels[split] = rng.integers(0, classes, len(names) * number)
            self.write(split)
        names = {f'{"label" if classes == 10 else "fine_label"}_names': list(kind.METAINFO['classes'])}
        if classes == 100:
            names['coarse_label_names'] = [f'group {number}' for number in range(20)]
        self._dump(kind.meta['filename'], names)

    def write(self, split: str) -> None:
        """Write the files of a split, for example again after a change of `labels`."""
        names = [name for name, _ in getattr(self.kind, f'{split}_list')]
        files = []
        for name, pictures, labels in zip(names, np.split(self.pictures[split], len(names)),
                                          np.split(self.labels[split], len(names))):
            # The published order: 1024 red values, then green, then blue, each row by row.
            batch = dict(data=pictures.transpose(0, 3, 1, 2).reshape(-1, 3072), batch_label=f'{split}ing batch',
                         filenames=[f'{name}_{number:06d}.png' for number in range(len(labels))])
            if len(self.kind.METAINFO['classes']) == 10:
                batch.update(labels=labels.tolist())
            else:
                batch.update(fine_labels=labels.tolist(), coarse_labels=(labels // 5).tolist())
            files.append([name, self._dump(name, batch)])
        self.lists[f'{split}_list'] = files

    def _dump(self, name: str, content: dict) -> str:
        (self.folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((self.folder / name).read_bytes()).hexdigest()
