import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from facts import raises

from mmmux.models import ARCHITECTURES, DS, IR, MUX, Architecture, MUXNet
from mmmux.search.space import SearchSpace
from mmmux.utils.errors import ConfigError

# Small enough to count by hand; scale +1 needs expanded channels divisible by 8 here, as 12 * 2 are, but not 6 * 2.
SMALL = dict(
    stem_channels=[16],
    head_channels=[64, 96],
    drop_path_rate=0.1,
    stages=[
        dict(type='DS', out_channels=[16], act='ReLU'),
        dict(type='IR', out_channels=[24], kernel_size=[3, (3, 5)], stride=2, expand_ratio=[2],
             mux=dict(blocks=[0, 1, 2], expand_ratio=[2], split_ratio=[0.25, 0.5], scales=[None, (0, 1)])),
    ])


def changed(**stage) -> dict:
    config = copy.deepcopy(SMALL)
    config['stages'][1].update(stage)
    return config


def changed_mux(**mux) -> dict:
    return changed(mux={**SMALL['stages'][1]['mux'], **mux})


def all_genomes(space: SearchSpace) -> np.ndarray:
    return np.array(list(itertools.product(*(range(len(gene)) for gene in space.genes))))


def test_genes_are_the_lists_with_several_values_and_have_their_config_keys():
    space = SearchSpace(SMALL)
    assert [(gene.name, gene.values) for gene in space.genes] == [
        ('stages.1.kernel_size', (3, (3, 5))), ('stages.1.mux.blocks', (0, 1, 2)), ('stages.1.mux.split_ratio', (0.25, 0.5)),
        ('stages.1.mux.scales', (None, (0, 1))), ('head_channels', (64, 96))]


def test_decoded_network_is_the_one_the_indices_name():
    assert SearchSpace(SMALL).decode((1, 2, 1, 1, 0)) == Architecture(
        stem_channels=16, head_channels=64, drop_path_rate=0.1, stages=(
            (DS(16, act='ReLU'), ),
            (IR(24, (3, 5), stride=2, expand_ratio=2), ) + 2 * (MUX(3, expand_ratio=2, split_ratio=0.5, scales=(0, 1)), )))


def test_each_network_has_one_genome_and_the_size_counts_them():
    space = SearchSpace(SMALL)
    genomes = np.unique(space.canonical(all_genomes(space)), axis=0)
    # 2 kernels x 2 heads x (none, or 1 or 2 blocks of: split 0.25 without scales, split 0.5 with both)
    assert len(genomes) == space.size == 2 * 2 * (1 + 2 * 3)
    networks = {space.decode(genome) for genome in genomes}
    assert len(networks) == len(genomes)
    for genome in genomes:
        assert space.encode(space.decode(genome)) == tuple(genome)


def test_decode_takes_canonical_genomes_only():
    space = SearchSpace(SMALL)
    for genome in all_genomes(space):
        canonical = space.canonical(genome)[0]
        if tuple(canonical) == tuple(genome):
            assert np.array_equal(space.canonical(canonical)[0], canonical)
        else:
            first = np.flatnonzero(canonical != genome)[0]
            with raises(ConfigError, tuple(map(int, genome)), space.genes[first].name):
                space.decode(genome)


@pytest.mark.parametrize('name', ARCHITECTURES)
def test_the_family_is_in_the_familys_space(family_space, name):
    genome = family_space.encode(ARCHITECTURES[name])
    assert family_space.decode(genome) == replace(ARCHITECTURES[name], drop_path_rate=0.)


def test_decode_and_encode_are_inverse_on_random_genomes(family_space):
    genomes = family_space.sample(500, np.random.default_rng(1))
    assert np.array_equal(family_space.canonical(genomes), genomes)
    for genome in genomes:
        assert family_space.encode(family_space.decode(genome)) == tuple(genome)


def test_random_genomes_can_be_built_and_run(family_space):
    for genome in family_space.sample(12, np.random.default_rng(2)):
        network = MUXNet(family_space.decode(genome), out_indices=(7, )).eval()
        with torch.no_grad():
            assert network(torch.zeros(1, 3, 33, 47))[0].shape[2:] == (2, 2)


def test_samples_reach_every_value_and_follow_the_seed(family_space):
    drawn = family_space.sample(400, np.random.default_rng(3))
    assert all(len(np.unique(column)) == len(gene) for column, gene in zip(drawn.T, family_space.genes))
    assert np.array_equal(drawn, family_space.sample(400, np.random.default_rng(3)))


def test_fingerprint_is_of_what_genomes_mean():
    same = changed(se_ratio=[0.75])  # the default
    assert SearchSpace(same).fingerprint == SearchSpace(SMALL).fingerprint
    others = [changed(se_ratio=[0.5]), changed(kernel_size=[(3, 5), 3]), changed(act='ReLU'),
              dict(SMALL, head_channels=[96, 64])]
    assert len({SearchSpace(config).fingerprint for config in [SMALL, *others]}) == 5


@pytest.mark.parametrize('arch,facts', [
    (lambda rows: [rows[0]], ['1 stages', 2]),
    (lambda rows: [rows[0], (IR(32, 3, stride=2, expand_ratio=2), )], ['stages.1.out_channels', 32, 24]),
    (lambda rows: [rows[0], (IR(24, 3, expand_ratio=2), )], ['stride', 'row 0 of stage 1', 1, 2]),
    (lambda rows: [rows[0], (DS(24, 3, stride=2), )], ['row 0 of stage 1', 'DS', 'IR']),
    (lambda rows: [(*rows[0], MUX())] + rows[1:], ['stage 0', '2 rows', 'MUX']),
    (lambda rows: [rows[0], (*rows[1], MUX(3, 2), MUX(5, 2))], ['kernel_size', 'row 2 of stage 1', 5, 3]),
    (lambda rows: [rows[0], (*rows[1], MUX(3, 2, split_ratio=0.25, scales=(0, 1)))], ['stages.1.mux.scales', '(0, 1)']),
])
def test_network_outside_the_space(arch, facts):
    stages = [(DS(16, act='ReLU'), ), (IR(24, 3, stride=2, expand_ratio=2), )]
    with raises(ConfigError, *facts):
        SearchSpace(SMALL).encode(Architecture(tuple(arch(stages)), head_channels=64, stem_channels=16))


@pytest.mark.parametrize('genome,facts', [
    ((0, 0, 0, 0), ['5 genes', 4]),
    ((0, 3, 0, 0, 0), ['stages.1.mux.blocks', '0 to 2', 3]),
    ((0, 0, 0, 0, -1), ['head_channels', '0 to 1', -1]),
])
def test_genome_of_another_space(genome, facts):
    with raises(ConfigError, *facts):
        SearchSpace(SMALL).decode(genome)


@pytest.mark.parametrize('config,facts', [
    ({}, ['search space', "'stages'", None]),
    (dict(SMALL, stages=[]), ['search space', "'stages'", '[]']),
    (7, ['search space', "'stages'", "'stem_channels'", "'head_channels'", 7]),
    (dict(SMALL, head_channels=[]), ['search space', 'head_channels', 'empty']),
    (dict(SMALL, head_channels=[64, 64]), ['search space', 'head_channels', '64 twice']),
    (dict(SMALL, head_channels=1280), ['search space', 'head_channels', 'list', 1280]),
    (dict(SMALL, head_channels=['wide']), ['search space', 'head_channels', "'wide'"]),
    (dict(SMALL, stem_chanels=[16]), ['search space', "'stem_chanels'", "'stem_channels'"]),
    ({key: SMALL[key] for key in ('stages', 'stem_channels')}, ['search space', "'head_channels'", 'list']),
    (dict(SMALL, drop_path_rate=2), ['search space', 'drop_path_rate', 'from 0 to below 1', 'got 2']),
    (dict(SMALL, stages=SMALL['stages'][:1], head_channels=[64]), ['search.space', 'single network', 'list']),
    (changed(type='MUX'), ['stages.1', "'DS'", "'IR'", "'MUX'"]),
    (changed(widths=[3]), ['stages.1', "'widths'", 'out_channels']),
    (changed(kernel_size=[3, 4]), ['stages.1', 'kernel_size', 'odd', 4]),
    (changed(expand_ratio=[0.05]), ['stages.1', '16 channels', '0.05', '2 groups', '(3, 5)']),
    (changed(mux=[1]), ['mux of stages.1', "'blocks'", '[1]']),
    (changed(mux={}), ['mux of stages.1', "'blocks'", 'list']),
    (changed_mux(blocks=[0]), ['blocks of mux of stages.1', 'above 0', '(0,)']),
    (changed_mux(blocks=[-1, 1]), ['blocks of mux of stages.1', 'from 0', -1]),
    (changed_mux(kernel_size=[(3, 5)]), ['kernel_size of mux of stages.1', 'odd', '(3, 5)']),
    (changed_mux(split_ratio=[0.5, 2]), ['mux of stages.1', 'split_ratio', 'above 0', 'at most 1', 'got 2']),
    (changed_mux(scales=[(0, 1)]), ['stages.1', 'out_channels 24', 'split_ratio 0.25', 'expand_ratio 2', 'scales (0, 1)']),
    (changed_mux(scales=[None, (0, 1)], split_ratio=[0.25]), ['stages.1.mux.scales', '(0, 1)', 'divisible by 4']),
    (changed_mux(expand_ratio=[2, 2.5], split_ratio=[0.25], scales=[None]), ['stages.1', 'expand_ratio 2.5', 'scales None']),
    (changed(out_channels=[24, 27]), ['stages.1', 'out_channels 27', 'even']),
])
def test_a_wrong_space_is_refused(config, facts):
    with raises(ConfigError, *facts):
        SearchSpace(config)
