"""What the demos share: train, test, draw, and leave metrics, curves and pictures in a folder."""
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from mmengine.config import Config

from mmmux.analysis.curves import plot_curves, read_curves
from mmmux.apis import runs as run
from mmmux.apis.inferencer import Inferencer
from mmmux.config import load as settings

ROOT = Path(__file__).resolve().parent.parent
_KNOWN_WARNINGS = (  # of OpenMMLab's packages about each other; they would tear the progress bar
    "<class '.*Visualizer'> instance named of visualizer has been created",
    'The draw is False, it means that the hook for visualization will not take effect',
    '``build_loss`` would be deprecated soon',
)


def quick_run(name: str, config: Path, metric: str, prepare: Callable[[Config], None], pictures: Sequence[Path],
              out: Path) -> tuple[dict[str, float], str]:
    """Train and test a config quietly but for its progress, and draw what the result finds.

    Args:
        name: of the model, for people.
        config: its config file.
        metric: the one to watch.
        prepare: changes the config, for one its data and its length.
        pictures: what to draw predictions on.
        out: folder for everything: `training`, `test`, `pictures`, `curves.png`, `metrics.json`.

    Returns:
        tuple: the metrics of the test, and the checkpoint.
    """
    for message in _KNOWN_WARNINGS:
        warnings.filterwarnings('ignore', message)
    started, training = time.time(), out / 'training'
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f'CPU, {torch.get_num_threads()} threads'
    print(f'Training {name} from random weights ({device})')
    run.train(_quiet(config, training, metric, prepare))

    print('Testing the last checkpoint')
    checkpoint = (training / 'last_checkpoint').read_text().strip()
    cfg = _quiet(config, out / 'test', metric, prepare)
    cfg.load_from = checkpoint
    metrics = {key: round(float(value), 4) for key, value in run.test(cfg).items()}

    inferencer = Inferencer(settings.load_config(config), checkpoint)
    (out / 'pictures').mkdir(exist_ok=True)
    for picture in pictures:
        inferencer.draw(picture, out / 'pictures' / f'{picture.stem}.png')
    plot_curves({name: read_curves(training)}, metric, out / 'curves.png')
    seconds = round(time.time() - started)
    (out / 'metrics.json').write_text(json.dumps(dict(metrics, seconds=seconds), indent=2) + '\n')
    print(f'\n{metric.split("/")[-1]} {metrics[metric]:.3f} after {seconds} s')
    return metrics, checkpoint


def say_what_next(config: Path, checkpoint: str, out: Path, data: str) -> None:
    """Where to look, and what a user would do now."""
    python = Path(os.path.relpath(sys.executable, ROOT)) if Path(sys.executable).is_relative_to(ROOT) else sys.executable
    print(f'Look at   {out}/pictures (what it finds), {out}/curves.png, {out}/metrics.json\n'
          f'Try next  your own pictures: {python} tools/image_demo.py PICTURE... {config.relative_to(ROOT)} '
          f'{checkpoint}\n'
          f'          your own data, {data}: README.md, "Data" and "Training"')


def _quiet(config: Path, work_dir: Path, metric: str, prepare: Callable[[Config], None]) -> Config:
    cfg = settings.load_config(config, work_dir=work_dir)
    prepare(cfg)
    cfg.custom_hooks.append(dict(type='mmmux.ProgressHook', score=metric))
    cfg.log_level = 'ERROR'
    return cfg
