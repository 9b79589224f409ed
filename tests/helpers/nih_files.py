"""A small data set in the layout in which the NIH publishes ChestX-ray14."""
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

# As the NIH writes it: some names hold a comma, and a last column is empty.
HEADER = ('Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,'
          'OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],')


class NIHFiles:
    """Files written picture by picture, with the flaws that a test asks for.

    Args:
        root: where they go.
        folders: the folders of pictures, which take turns.
    """

    def __init__(self, root: Path, folders: Iterable[str] = ('images_001/images', 'images_002/images')):
        self.root, self.folders = root, list(folders)
        self.table, self.lines = root / 'Data_Entry_2017.csv', [HEADER]
        self.lists: dict[str, list[str]] = dict(train_val=[], test=[])
        for folder in self.folders:
            (root / folder).mkdir(parents=True)

    def add(self, part: str, patient: str, labels: str = 'No Finding', follow_up: int = 0,
            picture: Image.Image | None = None) -> Path:
        """A picture of a patient, listed in a part: the Pillow image, or a file without bytes."""
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
        """Write table and lists."""
        self.table.write_text('\n'.join(self.lines) + '\n')
        for part, names in self.lists.items():
            (self.root / f'{part}_list.txt').write_text('\n'.join(names))  # the NIH's lists do not end in a newline

    def list_of(self, part: str) -> Path:
        """The file that lists a part."""
        return self.root / f'{part}_list.txt'


def xray(seed: int, size: int = 64) -> np.ndarray:
    """A gray picture (size, size), uint8, that looks like nothing in particular."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC))
