"""Write a small data set in the NIH's layout of ChestX-ray14."""
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

# The NIH's own header: some names contain a comma, and the last column is empty.
HEADER = ('Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,'
          'OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],')


class NIHFiles:
    """Write the data set image by image, with the defects that a test needs.

    Args:
        root: folder to write into.
        folders: folders for the images, used in turn.
    """

    def __init__(self, root: Path, folders: Iterable[str] = ('images_001/images', 'images_002/images')):
        self.root, self.folders = root, list(folders)
        self.table, self.lines = root / 'Data_Entry_2017.csv', [HEADER]
        self.lists: dict[str, list[str]] = dict(train_val=[], test=[])
        for folder in self.folders:
            (root / folder).mkdir(parents=True)

    def add(self, part: str, patient: str, labels: str = 'No Finding', follow_up: int = 0,
            picture: Image.Image | None = None) -> Path:
        """Add an image to the data set, and return its path.

        Args:
            part: 'train_val' or 'test', the list to add it to.
            patient: the patient's ID.
            labels: findings, separated by '|'. Default: 'No Finding'.
            follow_up: number of the patient's visit. Default: 0.
            picture: the image. Default: an empty file.
        """
        name = f'{int(patient):08d}_{follow_up:03d}.png'
        path = self.root / self.folders[sum(map(len, self.lists.values())) % len(self.folders)] / name
        if picture is None:
            path.touch()
        else:
            picture.save(path)
        self.lines.append(f'{name},{labels},{follow_up},{patient},058Y,M,PA,2682,2749,0.143,0.143,')
        self.lists[part].append(name)
        self.write()
        return path

    def write(self) -> None:
        """Write the table and the lists."""
        self.table.write_text('\n'.join(self.lines) + '\n')
        for part, names in self.lists.items():
            (self.root / f'{part}_list.txt').write_text('\n'.join(names))  # the NIH's lists do not end in a newline

    def list_of(self, part: str) -> Path:
        """Return the path of the list of a part."""
        return self.root / f'{part}_list.txt'


def xray(seed: int, size: int = 64) -> np.ndarray:
    """Return a gray image (size, size), uint8, of smooth noise."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC))
