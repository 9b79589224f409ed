"""Predict images, videos and webcams, and write drawn images and files of labels, as `tools/image_demo.py` does."""
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from mmmux.utils.errors import ConfigError

from .inferencer import Inferencer
from .inputs import Input, find_inputs
from .videos import Frames, VideoFile


@dataclass(frozen=True)
class DemoOptions:
    """The results that a demo writes.

    Attributes:
        out_dir: folder to write into.
        threshold: lowest score, 0 to 1, of a detection that is drawn and written.
        labels: formats of the files of labels, see :meth:`mmmux.tasks.Task.label_writers`; each has a subfolder.
        draw: whether to write drawn images and videos.
        frames: largest number of frames of each video or webcam; None for all.
    """
    out_dir: Path
    threshold: float = 0.3
    labels: tuple[str, ...] = ()
    draw: bool = True
    frames: int | None = None


def run_demo(inferencer: Inferencer, given: Sequence[str | Path], options: DemoOptions) -> None:
    """Predict all inputs, write the results that the options name, and print a line for each file and the progress.

    Args:
        inferencer: the trained model.
        given: as in :func:`mmmux.apis.inputs.find_inputs`.
        options: the results to write.

    Raises:
        ConfigError: an input gives nothing, two results would have the same name, or the task has no such format of labels.
        DatasetError: an image or video cannot be read.
    """
    inputs = find_inputs(given, options.out_dir, bool(options.labels))
    opened = {each: Frames(each.source, options.frames) for each in inputs if each.moves}
    options.out_dir.mkdir(parents=True, exist_ok=True)
    # The number of all images and frames is unknown if that of one video is.
    lengths = [len(opened[each]) if each.moves else 1 for each in inputs]
    with tqdm(total=sum(lengths) if all(lengths) else None, unit='picture', dynamic_ncols=True, disable=None) as bar, \
            closing(_Writers(inferencer, options)) as writers:
        for each in inputs:
            predict = _predict_video if each.moves else _predict_picture
            for line in predict(inferencer, each, opened.get(each), writers, options):
                if line:
                    bar.write(line)
                bar.update(0 if line and each.moves else 1)  # the line of a video follows its last frame


class _Writers:
    """The writers of all formats, which are completed by :meth:`close`, also after Ctrl-C."""

    def __init__(self, inferencer: Inferencer, options: DemoOptions):
        known = inferencer.task.label_writers()
        unknown = [name for name in options.labels if name not in known]
        if unknown:
            raise ConfigError(f'--labels {unknown[0]} is no format of task {type(inferencer.task).__name__}, which has '
                              f'{", ".join(known) or "none"}')
        classes = inferencer.model.dataset_meta.get('classes') or ()
        self._inferencer, self._threshold = inferencer, options.threshold
        self._all = [known[name](options.out_dir / name, classes) for name in options.labels]

    def add(self, name: Path, sample) -> None:
        """Write the prediction for one image, in all formats."""
        if self._all:
            prediction = self._inferencer.task.written(sample, self._inferencer.model, self._threshold)
            height, width = sample.ori_shape[:2]
            for writer in self._all:
                writer.add(name, (width, height), prediction)

    def close(self) -> None:
        for writer in self._all:
            writer.close()


def _predict_picture(inferencer: Inferencer, each: Input, _, writers: _Writers, options: DemoOptions) -> Iterator[str]:
    path = options.out_dir / each.name
    path.parent.mkdir(parents=True, exist_ok=True)
    sample = inferencer.draw(each.source, path, options.threshold) if options.draw else inferencer.predict(each.source)
    writers.add(each.name, sample)
    yield f'{path if options.draw else each.source}{inferencer.summary(sample, options.threshold)}'


def _predict_video(inferencer: Inferencer, each: Input, frames: Frames, writers: _Writers,
                   options: DemoOptions) -> Iterator[str]:
    """Predict a video; yield '' for each frame but the last, and a line when all are done.

    With files of labels, the frames are written, too, because labelling tools import both. Ctrl-C ends a webcam.
    """
    path = options.out_dir / each.name
    path.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    with VideoFile(path, frames.fps) as video:
        try:
            for number, frame in zip(count(1), frames):
                sample = inferencer.predict(frame)
                if options.draw:
                    video.write(inferencer.task.draw(frame, sample, inferencer.model, options.threshold))
                if options.labels:
                    _write_frame(each.name.with_suffix('') / f'{number - 1:06d}.png', frame, sample, writers, options)
                yield ''
        except KeyboardInterrupt:
            if not isinstance(each.source, int):
                raise
    yield f'{path if options.draw else each.source}, {number} frames'


def _write_frame(name: Path, frame: np.ndarray, sample, writers: _Writers, options: DemoOptions) -> None:
    path = options.out_dir / 'frames' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame).save(path)
    writers.add(name, sample)
