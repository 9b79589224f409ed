from mmmux.models.layers.plain_convs import are_plain, plain_convs


def test_it_ends_with_the_outermost():
    assert not are_plain()
    with plain_convs():
        with plain_convs():
            assert are_plain()
        assert are_plain()
    assert not are_plain()
