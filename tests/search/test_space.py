import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmmux.models import ARCHITECTURES, DS, IR, MUX, Architecture, MUXNet
from mmmux.search.space import SearchSpace
from mmmux.utils.errors import ConfigError

# Small enough to go through by hand; scale +1 needs expanded channels divisible by 8 here, which 12 * 2 are and 6 * 2 are not.
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


def test_genes_are_the_lists_with_several_values_and_say_where_they_are_from():
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
            with pytest.raises(ConfigError, match=r'is not canonical: stages\.1\.mux'):
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


@pytest.mark.parametrize('arch,words', [
    (lambda rows: [rows[0]], 'has 1 stages, the search space 2'),
    (lambda rows: [rows[0], (IR(32, 3, stride=2, expand_ratio=2), )], r'stages.1.out_channels is 32, and the space has 24'),
    (lambda rows: [rows[0], (IR(24, 3, expand_ratio=2), )], 'stride of row 0 of stage 1 is 1, and the space has 2'),
    (lambda rows: [rows[0], (DS(24, 3, stride=2), )], 'type of row 0 of stage 1 is DS, and the space has IR'),
    (lambda rows: [(*rows[0], MUX())] + rows[1:], 'stage 0 has 2 rows, and the space has no MUX blocks'),
    (lambda rows: [rows[0], (*rows[1], MUX(3, 2), MUX(5, 2))], 'kernel_size of row 2 of stage 1 is 5'),
    (lambda rows: [rows[0], (*rows[1], MUX(3, 2, split_ratio=0.25, scales=(0, 1)))], 'not canonical: stages.1.mux.scales'),
])
def test_network_outside_the_space(arch, words):
    stages = [(DS(16, act='ReLU'), ), (IR(24, 3, stride=2, expand_ratio=2), )]
    with pytest.raises(ConfigError, match=words):
        SearchSpace(SMALL).encode(Architecture(tuple(arch(stages)), head_channels=64, stem_channels=16))


@pytest.mark.parametrize('genome,words', [
    ((0, 0, 0, 0), 'has 5 genes, got 4'),
    ((0, 3, 0, 0, 0), 'gene stages.1.mux.blocks must be from 0 to 2, got 3'),
    ((0, 0, 0, 0, -1), 'gene head_channels must be from 0 to 1, got -1'),
])
def test_genome_of_another_space(genome, words):
    with pytest.raises(ConfigError, match=words):
        SearchSpace(SMALL).decode(genome)


@pytest.mark.parametrize('config,words', [
    ({}, "search space is empty: 'stages' must be a list"),
    (dict(SMALL, stages=[]), "search space is empty: 'stages'"),
    (7, "must be a dict with 'stages'"),
    (dict(SMALL, head_channels=[]), 'head_channels of the search space is empty'),
    (dict(SMALL, head_channels=[64, 64]), 'has 64 twice'),
    (dict(SMALL, head_channels=1280), 'must be a list of values to choose from, got 1280'),
    (dict(SMALL, head_channels=['wide']), 'head_channels of Architecture must be a positive whole number'),
    (dict(SMALL, stem_chanels=[16]), "no key 'stem_chanels': did you mean 'stem_channels'"),
    ({key: SMALL[key] for key in ('stages', 'stem_channels')}, "needs 'head_channels'"),
    (dict(SMALL, drop_path_rate=2), 'drop_path_rate of Architecture must be a number from 0 to below 1'),
    (dict(SMALL, stages=SMALL['stages'][:1], head_channels=[64]), 'holds a single network'),
    (changed(type='MUX'), "stages.1 of the search space must have type 'DS' or 'IR', got 'MUX'"),
    (changed(widths=[3]), "no key 'widths'"),
    (changed(kernel_size=[3, 4]), 'kernel_size of IR must be an odd number'),
    (changed(expand_ratio=[0.05]), 'cannot cut 16 channels expanded by 0.05 into 2 groups'),
    (changed(mux=[1]), 'mux of stages.1 of the search space must be a dict'),
    (changed(mux={}), "needs 'blocks'"),
    (changed_mux(blocks=[0]), 'allow none: leave mux out'),
    (changed_mux(blocks=[-1, 1]), 'whole numbers from 0, got -1'),
    (changed_mux(kernel_size=[(3, 5)]), 'mixed kernels are for the first row'),
    (changed_mux(split_ratio=[0.5, 2]), 'split_ratio of MUX must be a number above 0 and at most 1'),
    (changed_mux(scales=[(0, 1)]), r'out_channels 24, split_ratio 0.25, expand_ratio 2, scales \(0, 1\) cannot be built'),
    (changed_mux(scales=[None, (0, 1)], split_ratio=[0.25]), r'mux.scales \(0, 1\) of the search space fits none'),
    (changed_mux(expand_ratio=[2, 2.5], split_ratio=[0.25], scales=[None]), 'expand_ratio 2.5, scales None cannot be built'),
    (changed(out_channels=[24, 27]), 'out_channels 27, .* widths must be even'),
])
def test_bad_space_is_told_in_a_sentence(config, words):
    with pytest.raises(ConfigError, match=words) as told:
        SearchSpace(config)
    assert '\n' not in str(told.value)
