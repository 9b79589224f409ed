#!/usr/bin/env python
"""Compare a detector's anchors with its training boxes, as the training pipeline returns them, and propose better sizes.

For each class, a table gives the share of boxes that no anchor overlaps enough to match, and the sizes of these boxes. A second
table gives the same for the proposed sizes, which are printed as a snippet for the config, and written as a config with
--write. A picture shows both distributions. Strides that do not fit the feature maps of the detector at the size of its input
are reported, and others are proposed.
"""
import argparse
from pathlib import Path

from mmmux.analysis import anchors
from mmmux.analysis.anchor_config import check_target, write_anchor_config
from mmmux.config import check_data, load_config
from mmmux.config.suggestions import explained
from mmmux.models.feature_maps import fitting_strides, misfit
from mmmux.utils import cli
from mmmux.utils.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config file of an SSD detector')
    parser.add_argument('--max-pictures', type=int, default=2000,
                        help='largest number of training pictures to read (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0,
                        help='seed that selects and augments the pictures (default: %(default)s)')
    parser.add_argument('--plot', type=Path, default=Path('work_dirs/anchors.png'),
                        help='picture to write (default: %(default)s)')
    parser.add_argument('--write', type=Path, metavar='FILE.py',
                        help='config to write, which inherits CONFIG and has the proposed sizes; --cfg-options are not in it')
    cli.add_cfg_options(parser)
    cli.add_version(parser)
    return parser.parse_args()


def show(title: str, boxes: anchors.TrainingBoxes, generator: dict, threshold: float) -> None:
    overlaps = anchors.best_overlaps(boxes.corners, anchors.anchors(generator, boxes.input_size, boxes.maps))
    print(f'\n{title}: mean best overlap {overlaps.mean():.3f}; unmatched means below {threshold}')
    print(f'{"class":<16}{"boxes":>8}{"unmatched":>11}   sizes in pixels: 5 %, half, 95 % (of the unmatched)')
    for row in anchors.unmatched_by_class(boxes, overlaps, threshold):
        share = row['unmatched'] / max(1, row['boxes'])
        print(f'{row["name"]:<16}{row["boxes"]:>8}{share:>11.1%}   {row["sizes"]} ({row["unmatched_sizes"] or "none"})')


def main() -> None:
    args = parse_args()
    with cli.sentences():
        cfg = load_config(args.config, args.cfg_options)
        check_data(cfg, ('train_dataloader', ))
        generator = cfg.model.get('bbox_head', {}).get('anchor_generator')
        threshold = cfg.model.get('train_cfg', {}).get('assigner', {}).get('pos_iou_thr')
        if generator is None or threshold is None:
            raise ConfigError(f'{args.config} lacks model.bbox_head.anchor_generator or model.train_cfg.assigner.pos_iou_thr, '
                              'which the config of SSD or another single-stage detector with anchors has: give such a config')
        if args.write:
            check_target(args.write, cfg)
        boxes = anchors.training_boxes(cfg, args.max_pictures, args.seed)
        print(f'{len(boxes.labels)} boxes at {boxes.input_size[0]} x {boxes.input_size[1]} pixels')
        with explained(cfg):
            boxes = anchors.with_feature_maps(boxes, cfg)
        if wrong := misfit(generator.strides, boxes.maps, boxes.input_size):
            print(f'\nwarning: {wrong}')
        show('Configured anchors', boxes, generator, threshold)
        strides = fitting_strides(generator.strides, boxes.maps, boxes.input_size)
        fitted = anchors.fit_sizes(boxes, dict(generator, strides=strides), args.seed)
        show('Proposed anchors', boxes, fitted, threshold)
        args.plot.parent.mkdir(parents=True, exist_ok=True)
        if args.write:
            write_anchor_config(args.write, cfg, fitted, f'{len(boxes.labels)} training boxes at {boxes.input_size[0]} x '
                                f'{boxes.input_size[1]} pixels by tools/analysis_tools/fit_anchors.py')
        anchors.plot_fit(boxes, {'configured': generator, 'proposed': fitted}, threshold, args.plot)
    changed = f'strides={strides},\n    ' if wrong else ''
    print(f'\nmodel = dict(bbox_head=dict(anchor_generator=dict(\n    {changed}min_sizes={fitted["min_sizes"]},\n'
          f'    max_sizes={fitted["max_sizes"]})))\n\ndrawn: {args.plot}' + (f'\nwritten: {args.write}' if args.write else ''))


if __name__ == '__main__':
    main()
