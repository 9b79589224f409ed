"""Compute the costs of whole models, whose necks and heads change with the channels of the network."""
import numpy as np
from mmengine.config import Config

from mmmux.analysis.complexity import model_complexity
from mmmux.utils.errors import ConfigError

from .backbone_costs import SpaceComplexity
from .candidate_config import task_config
from .searched_network import network_arguments
from .settings import SearchSettings


class ModelComplexity:
    """Count the parameters and multiply-adds of whole models.

    The costs of the network are computed by arithmetic. The costs of neck and heads are a constant plus a share for each
    channel; both are found by building and counting a few models, and verified on one more.

    Args:
        settings (SearchSettings): Settings of the search: `space`, `network`, `channels` and `size` apply.
        cfg (Config): Config of the search.

    Raises:
        ConfigError: A model cannot be built or run, or its costs do not grow in proportion to the channels.
    """

    def __init__(self, settings: SearchSettings, cfg: Config):
        self.settings = settings
        self.space = space = settings.space
        self.cfg = cfg
        arguments = network_arguments(cfg, settings.network)
        out_indices = arguments['out_indices']
        last = max(out_indices) if isinstance(out_indices, (list, tuple)) else out_indices
        self.backbone = SpaceComplexity(space, settings.size, last, arguments.get('output_stride'), arguments.get('removed', 0))
        widths = (space.width_name(stage) for stage in sorted(set(settings.channels.values())))
        self._widths = [name for name in widths if len(space.values(name)) > 1]
        self._measure()
        self._verify()

    def params(self, genomes: np.ndarray) -> np.ndarray:
        """Count parameters of whole models.

        Args:
            genomes (ndarray): Canonical genomes (N, genes).

        Returns:
            ndarray: (N, ), int64.
        """
        return self.backbone.params(genomes) + self._rest(genomes)[:, 0]

    def macs(self, genomes: np.ndarray) -> np.ndarray:
        """Count multiply-adds of whole models for one image.

        Args:
            genomes (ndarray): Canonical genomes (N, genes).

        Returns:
            ndarray: (N, ), int64.
        """
        return self.backbone.macs(genomes) + self._rest(genomes)[:, 1]

    def _rest(self, genomes: np.ndarray) -> np.ndarray:
        genomes = np.array(genomes, dtype=np.int64, ndmin=2)
        channels = [np.array(self.space.values(name))[self.space.indices(genomes, name)] for name in self._widths]
        return sum((np.outer(width, share) for width, share in zip(channels, self._shares)), self._constant[None])

    def _around(self, genome: np.ndarray) -> np.ndarray:
        backbone = [self.backbone.params(genome)[0], self.backbone.macs(genome)[0]]
        return self._count(genome) - np.array(backbone, dtype=np.int64)

    def _count(self, genome: np.ndarray) -> np.ndarray:
        settings, (height, width) = self.settings, self.settings.size
        task = task_config(self.cfg, self.space.decode(genome[0]), settings)
        try:
            total = model_complexity(task, height, width)['total']
        except Exception as error:  # a user's model may raise any exception
            *_, reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ConfigError(f'the model with another network cannot process a picture of {height} x {width} pixels '
                              f'({reason}): search.channels must name every config key that follows the channels of '
                              f'{settings.network}, got {", ".join(settings.channels) or "no key"}') from error
        return np.array([total.params, total.macs], dtype=np.int64)

    def _measure(self) -> None:
        base = np.zeros((1, len(self.space.genes)), dtype=np.int64)
        first = self._around(base)
        self._shares, self._constant = [], first
        names = [gene.name for gene in self.space.genes]
        for name in self._widths:
            values, wider = self.space.values(name), base.copy()
            wider[0, names.index(name)] = len(values) - 1
            share = (self._around(wider) - first) // (values[-1] - values[0])
            self._shares.append(share)
            self._constant = self._constant - share * values[0]

    def _verify(self) -> None:
        genome = self.space.sample(1, np.random.default_rng(0))
        names = [gene.name for gene in self.space.genes]
        for name in self._widths:  # a value between the two that gave the share, if any, for all widths together
            genome[0, names.index(name)] = len(self.space.values(name)) // 2
        genome = self.space.canonical(genome)
        expected = [int(self.params(genome)[0]), int(self.macs(genome)[0])]
        counted = self._count(genome).tolist()
        if counted != expected:
            raise ConfigError('the costs of neck and heads must grow in proportion to the channels that search.channels names '
                              f'({", ".join(self.settings.channels)}): {expected[0]:,} parameters and {expected[1]:,} '
                              f'multiply-adds of a whole model were expected, got {counted[0]:,} and {counted[1]:,}')


def make_costs(cfg: Config, settings: SearchSettings) -> SpaceComplexity | ModelComplexity:
    """Make the costs of a search's genomes: of whole models, or of the network alone if nothing is trained.

    Args:
        cfg (Config): Config of the search.
        settings (SearchSettings): Settings of the search.

    Returns:
        SpaceComplexity | ModelComplexity: Costs of the network alone, or of whole models.

    Raises:
        ConfigError: A model cannot be built or run, or its costs do not grow in proportion to the channels.
    """
    if settings.analytic is not None:
        return SpaceComplexity(settings.space, settings.size)
    return ModelComplexity(settings, cfg)
