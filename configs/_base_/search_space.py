# The family's search space; MUXNet-xs, -s, -m and -l are in it. Lists are what a search may choose from.
mux_choices = dict(split_ratio=(0.25, 0.5, 0.75), se_ratio=(0.25, 0.75))

search = dict(
    space=dict(
        stem_channels=(16, 24),
        stages=(
            dict(type='DS', out_channels=(16, 24), kernel_size=(3, ), act='ReLU'),
            dict(
                type='IR', out_channels=(16, 24), kernel_size=(3, 5), stride=2, expand_ratio=(2, 4, 6), act='ReLU',
                mux=dict(mux_choices, blocks=(0, 1, 2, 3), kernel_size=(3, 5), expand_ratio=(2, 4, 6), scales=(None, (-1, 0)))),
            dict(
                type='IR', out_channels=(24, 32, 40), kernel_size=(3, (3, 5, 7)), stride=2, expand_ratio=(3, 4, 6),
                mux=dict(mux_choices, blocks=(0, 1, 2, 3), kernel_size=(3, 5), expand_ratio=(2, 4, 6), scales=(None, (-1, 0)))),
            dict(
                type='IR', out_channels=(48, 56, 80), kernel_size=(3, 5, (3, 5, 7, 9)), stride=2, expand_ratio=(3, 4, 6),
                mux=dict(
                    mux_choices, blocks=(0, 1, 2, 3), kernel_size=(3, 5, 7), expand_ratio=(2, 4, 6),
                    scales=(None, (-1, 0), (-1, 0, 1)))),
            dict(
                type='IR', out_channels=(72, 88, 112, 120), kernel_size=(3, 5, (3, 5, 7)), expand_ratio=(3, 4, 6),
                mux=dict(
                    mux_choices, blocks=(0, 1, 2, 3), kernel_size=(3, 5, 7), expand_ratio=(2, 4, 6),
                    scales=(None, (0, 1), (-1, 0, 1)))),
            dict(
                type='IR', out_channels=(96, 120, 160), kernel_size=(3, 5, (3, 5, 7, 9, 11)), stride=2,
                expand_ratio=(3, 4, 6),
                mux=dict(
                    mux_choices, blocks=(0, 1, 2, 3, 4), kernel_size=(3, 5, 7), expand_ratio=(2, 4, 6), scales=(None, (0, 1)))),
            dict(type='IR', out_channels=(120, 152, 200), kernel_size=(3, 5), expand_ratio=(3, 4, 6)),
        ),
        head_channels=(1152, 1280, 1536)))
