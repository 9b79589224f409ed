from mmmux.deploy.timing import median_ratio, summarise, timed


def test_functions_run_in_turn():
    order = []
    seconds = timed({'a': lambda: order.append('a'), 'b': lambda: order.append('b')}, 5)
    assert [len(times) for times in seconds.values()] == [5, 5]
    assert order == ['a', 'b'] * (len(order) // 2) and len(order) > 10


def test_medians_ratios_and_spread():
    rows = summarise({'a': [0.010, 0.010, 0.020, 0.010, 0.010], 'b': [0.004, 0.005, 0.010, 0.006, 0.009]})
    first, second = rows['a'], rows['b']
    assert (first['median_ms'], first['ratio'], first['conclusive']) == (10, 1, True)
    assert (second['median_ms'], second['quartiles_ms'], second['ratio']) == (6, [5, 9], 0.6)
    # In the round that was slow for both the ratio is as in the others.
    assert second['ratio_quartiles'] == [0.5, 0.6] and not second['conclusive']


def test_the_ratio_is_the_median_of_those_within_a_round():
    # The machine is five times as slow in the second round.
    assert median_ratio([2, 15, 8], [1, 5, 4]) == 2
