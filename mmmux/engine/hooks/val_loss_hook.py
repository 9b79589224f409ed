"""Hook that computes the loss of the validation data."""
import copy
from collections import defaultdict
from collections.abc import Mapping

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch.utils.data import DataLoader

from mmmux.config.annotation_steps import annotations_first
from mmmux.config.load import inner_datasets
from mmmux.registry import HOOKS
from mmmux.utils.errors import ConfigError


@HOOKS.register_module()
class ValLossHook(Hook):
    """Add `loss`, the mean loss of the validation data, and its parts such as `loss_cls`, to the metrics of each validation.

    The model is in evaluation mode: batch normalisation uses its running statistics, dropout is off, and nothing is augmented
    beyond the validation pipeline. Annotations are resized with the image, in contrast to a test. The data are therefore
    loaded a second time. The metrics are logged as `val/loss`, and `save_best='loss'` of the checkpoint hook may name one.

    Raises:
        ConfigError: the training is not validated.
    """

    _loader = None
    priority = 'HIGHEST'  # before the hooks that log the metrics, and before EMAHook restores the weights of the training

    def before_train(self, runner) -> None:
        """Build the data loader."""
        if getattr(runner, 'val_loop', None) is None:
            raise ConfigError(f'{type(self).__name__} (--val-loss) needs validation data: set val_dataloader, val_cfg and '
                              'val_evaluator of the config')
        self._loader = self._build_loader(runner)

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Compute the losses, and add them to `metrics`."""
        if metrics is None or self._loader is None:  # a validation without training
            return
        sums, count = defaultdict(float), 0
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model.eval()
        with torch.no_grad():
            for batch in self._loader:
                data = model.data_preprocessor(batch, False)
                losses = model(**data, mode='loss') if isinstance(data, Mapping) else model(*data, mode='loss')
                size = len(data['inputs']) if isinstance(data, Mapping) else len(data[0])
                count += size
                for name, value in model.parse_losses(losses)[1].items():
                    if 'loss' in name:
                        sums[name] += float(value) * size
        # Each process has seen a part of the data.
        total = all_reduce_sum([count, *sums.values()])
        metrics.update({name: value / max(1., total[0]) for name, value in zip(sums, total[1:])})

    def _build_loader(self, runner) -> DataLoader:
        cfg = runner.cfg.get('val_dataloader')
        if cfg is None:  # the runner was built from objects
            return runner.val_dataloader
        cfg = copy.deepcopy(cfg)
        for _, dataset in inner_datasets(cfg, 'val_dataloader'):
            if dataset.get('pipeline'):
                dataset['pipeline'] = annotations_first(dataset['pipeline'])
        cfg['persistent_workers'] = False
        return runner.build_dataloader(cfg, seed=runner.seed)


def all_reduce_sum(values: list[float]) -> list[float]:
    """Sum each value over all processes.

    Args:
        values: the values of this process.
    """
    tensor = torch.tensor(values, dtype=torch.float64)
    all_reduce(tensor)
    return tensor.tolist()
