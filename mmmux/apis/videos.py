"""Read and write videos with OpenCV."""
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import mmcv
import numpy as np
from PIL import Image, ImageOps

from mmmux.utils.errors import ConfigError, DatasetError

_DEFAULT_FPS = 25.  # of webcams and of files that do not state it


class Frames:
    """The frames of a video file or a webcam.

    Args:
        source (Path | int): The file, or the number of the webcam.
        most (int | None): Largest number of frames to read; None reads all, of a webcam until Ctrl-C.

    Attributes:
        fps (float): Frames per second.

    Raises:
        DatasetError: The video cannot be opened.
        ConfigError: The webcam cannot be opened.
    """

    def __init__(self, source: Path | int, most: int | None = None):
        self._most = most
        if isinstance(source, int):
            self._frames, capture = None, cv2.VideoCapture(source)
            if not capture.isOpened():
                raise ConfigError(f'webcam {source} cannot be opened: connect it, close the program that uses it, or give '
                                  'another number, e.g. webcam:1')
            self._capture, count = capture, 0
        else:
            if not source.is_file():
                raise DatasetError(f'video {source} does not exist: give the path of a video file')
            self._frames = mmcv.VideoReader(str(source), cache_capacity=1)
            if not self._frames.opened or not self._frames.width:
                raise DatasetError(f'video {source} cannot be read: it is damaged, or OpenCV lacks a decoder for it')
            self._capture, count = self._frames.vcap, max(0, self._frames.frame_cnt)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps <= 1000 else _DEFAULT_FPS
        self._count = min(count or most or 0, most or count)

    def __len__(self) -> int:
        """Return the number of frames that the file states, or `most`; 0 if it is unknown."""
        return self._count

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield each frame (H, W, 3), RGB, 0 to 255."""
        try:
            for frame in islice(self._frames or self._of_webcam(), self._most):
                yield np.ascontiguousarray(frame[..., ::-1])
        finally:
            self._capture.release()

    def _of_webcam(self) -> Iterator[np.ndarray]:
        while (read := self._capture.read())[0]:
            yield read[1]


class VideoFile:
    """Write images as the frames of an MP4 file; use it in a `with` statement, which completes the file.

    All frames have the size of the first one: a larger or smaller image is resized into it, with a white margin.

    Args:
        path (Path): The file to write.
        fps (float): Frames per second.

    Raises:
        ConfigError: OpenCV cannot write the file.
    """

    def __init__(self, path: Path, fps: float):
        self.path, self.fps = path, fps
        self._writer, self._size = None, (0, 0)

    def __enter__(self) -> 'VideoFile':
        return self

    def __exit__(self, *error) -> None:
        if self._writer is not None:
            self._writer.release()

    def write(self, image: Image.Image) -> None:
        """Append a frame.

        Args:
            image (Image.Image): The frame.
        """
        if self._writer is None:
            self._size = image.size
            self._writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter_fourcc(*'mp4v'), self.fps, image.size)
            if not self._writer.isOpened():
                raise ConfigError(f'{self.path} cannot be written: OpenCV has no encoder for MP4, or the folder cannot be '
                                  'written to')
        if image.size != self._size:
            image = ImageOps.pad(image, self._size, color='white', centering=(0, 0))
        self._writer.write(np.ascontiguousarray(np.asarray(image.convert('RGB'))[..., ::-1]))
