"""Make the trial of a genome's network, and measure the network's latency, for :func:`mmmux.search.search.run_search`."""
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from mmengine.config import Config

from mmmux.deploy.deployed_task import DeployedTask
from mmmux.deploy.runtimes import runtime_of
from mmmux.models import Architecture, get_architecture
from mmmux.models.architectures import as_table
from mmmux.utils.errors import ConfigError

from .candidate_config import evaluation_config, task_config
from .journal import Evaluation
from .latency import Build, LatencySettings, backbone_network, measured_apart, task_network
from .settings import SearchSettings
from .space import Genome
from .training import config_text
from .trial_process import WEIGHTS_FILE, TrialSpec, trial_folder
from .weights import nearest_parent

_FORMULA = 'mmmux.search.analytic:evaluate_formula'
_TRAINING = 'mmmux.search.training:train_and_validate'


class SearchedTask(DeployedTask, Protocol):
    """The methods of :class:`mmmux.tasks.Task` that a search calls; that class documents them."""

    def check_training(self, cfg: Config) -> None: ...


class Trials:
    """Make the trials of one search.

    Args:
        settings (SearchSettings): Settings of the search.
        cfg (Config): The whole config.
        work_dir (Path): Work dir of the search.
        task (SearchedTask | None): Task of the config; it checks the configs of trials, and is required for the latency
            of trained models. Default: None.

    Raises:
        ConfigError: The settings of the latency are invalid, or the config has no task.
    """

    def __init__(self, settings: SearchSettings, cfg: Config, work_dir: Path, task: SearchedTask | None = None):
        self.settings = settings
        self.cfg = cfg
        self.work_dir = work_dir
        self.task = task
        self._latency = LatencySettings.read(settings.latency) if 'latency' in settings.objectives else None
        if self._latency and task is None and settings.analytic is None:
            raise ConfigError(f"search.objectives has 'latency', but no task can export models of default_scope "
                              f"'{cfg.get('default_scope')}': set default_scope or task in the config")

    def spec(self, generation: int, index: int, genome: Genome, earlier: Sequence[Evaluation]) -> TrialSpec:
        """Make the trial of a genome.

        Args:
            generation (int): Number of the generation.
            index (int): Index in the plan of the generation.
            genome (Genome): Canonical genome.
            earlier (Sequence[Evaluation]): Evaluations of earlier generations, from which the network may inherit weights.

        Returns:
            TrialSpec: Input of the evaluation.

        Raises:
            ConfigError: The config of the training cannot be made.
        """
        settings = self.settings
        # Each trial has another seed: with a single seed, one lucky initialisation would affect every network.
        seed = int(np.random.default_rng([settings.seed, generation, index]).integers(2**31))
        spec = partial(TrialSpec, generation, index, genome, trial_folder(self.work_dir, generation, index), seed,
                       settings.metric, settings.best, time_limit=settings.time_limit)
        if settings.analytic is not None:
            return spec(function=_FORMULA, arguments=dict(settings.analytic, arch=as_table(settings.space.decode(genome))))
        weights = self._weights(genome, earlier) if settings.inherit else ''
        task = evaluation_config(self.cfg, settings, genome)
        if self.task is not None:
            self.task.check_training(task)
        return spec(function=_TRAINING, config=config_text(task, settings.metric, seed, weights, settings.inherit),
                    inherit=weights, keep_weights=settings.inherit)

    def _weights(self, genome: Genome, earlier: Sequence[Evaluation]) -> str:
        parent = nearest_parent(genome, earlier)
        return str(trial_folder(self.work_dir, parent.generation, parent.index) / WEIGHTS_FILE) if parent else ''

    def latency(self, genome: Genome) -> float | None:
        """Measure the latency of a genome's model relative to the reference network's.

        Args:
            genome (Genome): Canonical genome.

        Returns:
            float | None: Latency divided by the reference network's; None if latency is no objective.

        Raises:
            RuntimeError: The latency cannot be measured.
        """
        if self._latency is None:
            return None
        build, reference = (self._build(arch) for arch in (
            self.settings.space.decode(genome), get_architecture(self._latency.reference)))
        return measured_apart(build, reference, self.settings.size, self._latency, self.settings.time_limit)

    def _build(self, arch: Architecture) -> Build:
        form = runtime_of(self._latency.runtime).FORM  # the form that an export uses
        if self.settings.analytic is not None:
            return partial(backbone_network, arch, form)
        return partial(task_network, task_config(self.cfg, arch, self.settings), self.task, form)
