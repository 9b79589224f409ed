"""Define a search space: a set of MUXNet architectures, each encoded as a tuple of integers.

As in the paper's search, the code of a network lists the choices of each stage (Lu, Deb, Boddeti, MUXConv, CVPR 2020).
"""
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmmux.models.architectures import MUX, ROW_KINDS, Architecture, Row
from mmmux.utils.errors import ConfigError
from mmmux.utils.valid_json import dumps

from .buildable import MUX_CHANNEL_CHOICES, check_first_row, fitting_scales
from .space_config import MUX_ROW_CHOICES, SpaceTable, read_space

Genome = tuple[int, ...]


@dataclass(frozen=True)
class Gene:
    """One choice of a search space.

    Attributes:
        name (str): Config key of the choice, e.g. 'stages.3.mux.expand_ratio'.
        values (tuple): Values to choose from, in the config's order; a genome holds an index into them.
    """
    name: str
    values: tuple

    def __len__(self) -> int:
        return len(self.values)


class SearchSpace:
    """A set of architectures, each with exactly one canonical genome.

    Genes without effect are 0 in a canonical genome: the genes of MUX blocks in a stage without such blocks, and `scales` (its
    first value) if the chosen value cannot be built on the block's channels. Hence every canonical genome can be built, and two
    canonical genomes are two networks.

    Args:
        config (Mapping): Dict with these keys; a missing list holds only the row's default:

            * 'stem_channels' and 'head_channels' (list[int]): widths to choose from;
            * 'drop_path_rate' (float): stochastic depth of every network. Default: 0;
            * 'stages' (list[dict]): for each stage 'type' ('DS' or 'IR', its first row); lists of 'out_channels',
              'kernel_size', 'expand_ratio' (IR) and 'se_ratio' to choose from; the fixed 'stride' and 'act'; and 'mux', a dict
              with lists of the number of 'blocks' that follow and of their 'kernel_size', 'expand_ratio', 'split_ratio',
              'scales' and 'se_ratio'.

    Attributes:
        genes (tuple[Gene]): Choices with several values, in the order of a genome.
        size (int): Number of networks.
        fingerprint (str): Hash that differs between spaces that decode a genome differently.

    Raises:
        ConfigError: The config is invalid, or holds values that cannot be built together.
    """

    def __init__(self, config: Mapping):
        table = read_space(config)
        self.drop_path_rate = table.drop_path_rate
        self.stages = table.stages
        self._choices = {name: tuple(values) for name, values in self._all_choices(table)}
        self.genes = tuple(Gene(name, values) for name, values in self._choices.items() if len(values) > 1)
        if not self.genes:
            raise ConfigError('search.space holds a single network: give at least one list of several values')
        self._columns = {gene.name: column for column, gene in enumerate(self.genes)}
        self._buildable = [self._check_stage(index) for index in range(len(self.stages))]
        self.size = self._count()
        self.fingerprint = hashlib.sha256(dumps([
            self.drop_path_rate, [(stage.kind, stage.stride, stage.act) for stage in self.stages], list(self._choices.items())
        ]).encode()).hexdigest()[:16]

    @staticmethod
    def _all_choices(table: SpaceTable) -> Iterator[tuple[str, tuple]]:
        yield 'stem_channels', table.stem_channels
        for index, stage in enumerate(table.stages):
            yield from ((f'stages.{index}.{name}', values) for name, values in stage.first.items())
            yield from ((f'stages.{index}.mux.{name}', values) for name, values in stage.mux.items())
        yield 'head_channels', table.head_channels

    def values(self, name: str) -> tuple:
        """Return the values, one or several, of a choice.

        Args:
            name (str): Name such as 'stages.3.out_channels'.

        Returns:
            tuple: The values, in the config's order.
        """
        return self._choices[name]

    def indices(self, genomes: np.ndarray, name: str) -> np.ndarray:
        """Return the index into :meth:`values` that each genome chooses.

        Args:
            genomes (ndarray): (N, genes).
            name (str): Name of the choice.

        Returns:
            ndarray: (N, ); zeros if the choice has a single value.
        """
        if name in self._columns:
            return genomes[:, self._columns[name]]
        return np.zeros(len(genomes), dtype=genomes.dtype)

    def width_name(self, stage: int) -> str:
        """Return the name of the choice that sets the channels after a stage.

        Args:
            stage (int): Stage from 0; -1 is the stem, and the number of stages is the head convolution.

        Returns:
            str: Name such as 'stages.3.out_channels'.
        """
        if stage == -1:
            return 'stem_channels'
        return 'head_channels' if stage == len(self.stages) else f'stages.{stage}.out_channels'

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw canonical genomes, each gene uniformly before genes without effect become 0.

        Args:
            n (int): Number of genomes.
            rng (Generator): Source of randomness.

        Returns:
            ndarray: (n, genes), int64.
        """
        return self.canonical(rng.integers(0, [len(gene) for gene in self.genes], size=(n, len(self.genes))))

    def canonical(self, genomes: np.ndarray) -> np.ndarray:
        """Set the genes without effect to 0.

        Args:
            genomes (ndarray): (N, genes); not changed.

        Returns:
            ndarray: Canonical genomes (N, genes), int64.

        Raises:
            ConfigError: A genome has a wrong length, or a gene is not an index into its values.
        """
        genomes = np.array(genomes, dtype=np.int64, ndmin=2)
        if genomes.shape[1] != len(self.genes):
            raise ConfigError(f'a genome of this search space has {len(self.genes)} genes, got {genomes.shape[1]}')
        outside = np.argwhere((genomes < 0) | (genomes >= [len(gene) for gene in self.genes]))
        if len(outside):
            row, column = outside[0]
            gene = self.genes[column]
            raise ConfigError(f'gene {gene.name} must be from 0 to {len(gene) - 1}, got {genomes[row, column]}')
        for index in range(len(self.stages)):
            self._to_canonical(genomes, index)
        return genomes

    def _to_canonical(self, genomes: np.ndarray, stage: int) -> None:
        prefix = f'stages.{stage}.mux.'
        if not self.stages[stage].mux:
            return
        without = np.array(self.values(prefix + 'blocks'))[self.indices(genomes, prefix + 'blocks')] == 0
        for name in MUX_ROW_CHOICES:
            if prefix + name in self._columns:
                genomes[without, self._columns[prefix + name]] = 0
        if prefix + 'scales' in self._columns:
            fits = self._buildable[stage][tuple(self.indices(genomes, name) for name in self._channels_and_scales(stage))]
            genomes[~fits, self._columns[prefix + 'scales']] = 0

    def decode(self, genome: Sequence[int]) -> Architecture:
        """Return the architecture of a canonical genome.

        Args:
            genome (Sequence[int]): (genes, ).

        Returns:
            Architecture: The architecture.

        Raises:
            ConfigError: The genome does not belong to this space, or is not canonical.
        """
        genome = np.array(genome, dtype=np.int64, ndmin=2)
        wrong = np.flatnonzero(self.canonical(genome)[0] != genome[0])
        if len(wrong):
            gene, value = self.genes[wrong[0]], genome[0, wrong[0]]
            raise ConfigError(f'genome {tuple(genome[0].tolist())} is not canonical: its gene {gene.name} must be 0, because '
                              f'the value {gene.values[value]} has no effect or cannot be built there')
        chosen = {name: values[int(self.indices(genome, name)[0])] for name, values in self._choices.items()}
        return Architecture(
            stages=tuple(self._rows(index, chosen) for index in range(len(self.stages))),
            stem_channels=chosen['stem_channels'],
            head_channels=chosen['head_channels'],
            drop_path_rate=self.drop_path_rate)

    def _rows(self, index: int, chosen: Mapping[str, Any]) -> tuple[Row, ...]:
        stage, prefix = self.stages[index], f'stages.{index}.'
        first = ROW_KINDS[stage.kind](
            **{name: chosen[prefix + name] for name in stage.first}, stride=stage.stride, act=stage.act)
        if not stage.mux:
            return (first, )
        mux = MUX(**{name: chosen[f'{prefix}mux.{name}'] for name in MUX_ROW_CHOICES}, act=stage.act)
        return (first, ) + chosen[prefix + 'mux.blocks'] * (mux, )

    def encode(self, arch: Architecture) -> Genome:
        """Return the genome of an architecture; `drop_path_rate` is ignored.

        Args:
            arch (Architecture): The architecture.

        Returns:
            tuple[int, ...]: The canonical genome, (genes, ).

        Raises:
            ConfigError: The architecture is not in this space.
        """
        if len(arch.stages) != len(self.stages):
            raise ConfigError(f'the architecture is not in the search space: it has {len(arch.stages)} stages, and the space '
                              f'has {len(self.stages)}')
        chosen = {'stem_channels': arch.stem_channels, 'head_channels': arch.head_channels}
        for index, rows in enumerate(arch.stages):
            chosen.update(self._chosen(index, rows))
        genome = np.zeros((1, len(self.genes)), dtype=np.int64)
        for name, value in chosen.items():
            if value not in self.values(name):
                raise ConfigError(f'the architecture is not in the search space: {name} is {value}, and the space has '
                                  f'{_listed(self.values(name))}')
            if name in self._columns:
                genome[0, self._columns[name]] = self.values(name).index(value)
        code = tuple(genome[0].tolist())
        self.decode(code)  # refuses genomes that cannot be built
        return code

    def _chosen(self, index: int, rows: Sequence[Row]) -> dict[str, Any]:
        stage, prefix = self.stages[index], f'stages.{index}.'
        first, others = rows[0], rows[1:]
        fixed = dict(type=stage.kind, stride=stage.stride, act=stage.act, scales=None)
        _demand(first, fixed, f'row 0 of stage {index}')
        chosen = {prefix + name: getattr(first, name) for name in stage.first}
        if not stage.mux and others:
            raise ConfigError(f'the architecture is not in the search space: stage {index} has {len(rows)} rows, and the space '
                              'has no MUX blocks there')
        for number, row in enumerate(others, 1):
            where = f'row {number} of stage {index}'
            _demand(row, dict(type='MUX', act=stage.act, shuffle_groups=MUX.shuffle_groups), where)
            _demand(row, {name: getattr(others[0], name) for name in MUX_ROW_CHOICES}, where)
        if stage.mux:
            chosen[prefix + 'mux.blocks'] = len(others)
        if others:
            chosen.update({f'{prefix}mux.{name}': getattr(others[0], name) for name in MUX_ROW_CHOICES})
        return chosen

    def _channels_and_scales(self, stage: int) -> tuple[str, ...]:
        return (f'stages.{stage}.out_channels', ) + tuple(f'stages.{stage}.mux.{name}' for name in MUX_CHANNEL_CHOICES)

    def _check_stage(self, index: int) -> np.ndarray | None:
        """Refuse a stage whose rows cannot be built, and return which `scales` fit which channels of its MUX blocks.

        The result has the shape (out_channels, split_ratio, expand_ratio, scales), bool; it is None for a stage without MUX
        blocks.
        """
        stage = self.stages[index]
        for channels in self.values(self.width_name(index - 1)):
            check_first_row(stage, channels, f'stages.{index}')
        return fitting_scales(stage, f'stages.{index}') if stage.mux else None

    def _count(self) -> int:
        count = len(self.values('stem_channels')) * len(self.values('head_channels'))
        for stage, fits in zip(self.stages, self._buildable):
            count *= math.prod(len(values) for name, values in stage.first.items() if name != 'out_channels')
            if not stage.mux:
                count *= len(stage.first['out_channels'])
                continue
            with_blocks = sum(blocks > 0 for blocks in stage.mux['blocks'])
            alike = len(stage.mux['kernel_size']) * len(stage.mux['se_ratio'])
            without = len(stage.first['out_channels']) * (0 in stage.mux['blocks'])
            count *= without + with_blocks * alike * int(fits.sum())
        return count


def _demand(row: Row, fields: Mapping[str, Any], where: str) -> None:
    for name, value in fields.items():
        got = type(row).__name__ if name == 'type' else getattr(row, name)
        if got != value:
            raise ConfigError(f'the architecture is not in the search space: {name} of {where} is {got}, and the space has '
                              f'{value} there')


def _listed(values: Sequence) -> str:
    return ', '.join(map(str, values))
