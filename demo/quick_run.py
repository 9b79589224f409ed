"""Train and test a model, draw its predictions, and write metrics, curves and images to a folder; the demos share this."""
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from mmengine.config import Config

from mmmux.analysis.curves import plot_curves, read_curves
from mmmux.apis import Inferencer, test, train
from mmmux.config import load_config
from mmmux.utils.atomic_write import write_json

ROOT = Path(__file__).resolve().parent.parent
_KNOWN_WARNINGS = (  # warnings of OpenMMLab's packages about each other, which would break up the progress bar
    "<class '.*Visualizer'> instance named of visualizer has been created",
    'The draw is False, it means that the hook for visualization will not take effect',
    '``build_loss`` would be deprecated soon',
)


def quick_run(name: str, config: Path, metric: str, prepare: Callable[[Config], None], pictures: Sequence[Path],
              out: Path) -> tuple[dict[str, float], str]:
    """Train and test the model of a config, and draw its predictions; print the progress only.

    Args:
        name (str): name of the model in the output.
        config (Path): the config file.
        metric (str): name of the metric to print and plot.
        prepare (Callable): changes the loaded config in place, for example its data and its length.
        pictures (Sequence[Path]): images to draw predictions on.
        out (Path): folder for `training`, `test`, `pictures`, `curves.png` and `metrics.json`.

    Returns:
        tuple[dict[str, float], str]: the metrics of the test, and the path of the checkpoint.
    """
    for message in _KNOWN_WARNINGS:
        warnings.filterwarnings('ignore', message)
    started, training = time.time(), out / 'training'
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f'CPU, {torch.get_num_threads()} threads'
    print(f'Training {name} from random weights ({device})')
    train(_quiet(config, training, metric, prepare))

    print('Testing the last checkpoint')
    checkpoint = (training / 'last_checkpoint').read_text().strip()
    cfg = _quiet(config, out / 'test', metric, prepare)
    cfg.load_from = checkpoint
    metrics = {key: round(float(value), 4) for key, value in test(cfg).items() if not isinstance(value, list)}

    inferencer = Inferencer(load_config(config), checkpoint)
    (out / 'pictures').mkdir(exist_ok=True)
    for picture in pictures:
        inferencer.draw(picture, out / 'pictures' / f'{picture.stem}.png')
    plot_curves({name: read_curves(training)}, metric, out / 'curves.png')
    seconds = round(time.time() - started)
    write_json(out / 'metrics.json', dict(metrics, seconds=seconds))
    print(f'\n{metric.split("/")[-1]} {metrics[metric]:.3f} after {seconds} s')
    return metrics, checkpoint


def say_what_next(config: Path, checkpoint: str, out: Path, data: str) -> None:
    """Print the paths of the results, and the next steps with the user's own data.

    Args:
        config (Path): the config file of the demo.
        checkpoint (str): path of the trained checkpoint.
        out (Path): folder of the results.
        data (str): the data formats that the config accepts, for the message.
    """
    python = Path(os.path.relpath(sys.executable, ROOT)) if Path(sys.executable).is_relative_to(ROOT) else sys.executable
    print(f'Look at   {out}/pictures (its predictions), {out}/curves.png, {out}/metrics.json\n'
          f'Try next  your own pictures: {python} tools/image_demo.py PICTURE... {config.relative_to(ROOT)} '
          f'{checkpoint}\n'
          f'          your own data, {data}: README.md, "Your own data"')


def _quiet(config: Path, work_dir: Path, metric: str, prepare: Callable[[Config], None]) -> Config:
    cfg = load_config(config, work_dir=work_dir)
    prepare(cfg)
    cfg.custom_hooks.append(dict(type='mmmux.ProgressHook', score=metric))
    cfg.log_level = 'ERROR'
    return cfg
