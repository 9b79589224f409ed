from mmmux.models.layers.export_mode import export_mode, in_export_mode


def test_it_ends_with_the_outermost():
    assert not in_export_mode()
    with export_mode():
        with export_mode():
            assert in_export_mode()
        assert in_export_mode()
    assert not in_export_mode()
