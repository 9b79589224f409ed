#!/usr/bin/env python
"""Export a trained model to ONNX, OpenVINO or TorchScript, and check the file with its runtime on pictures.

Detectors give boxes, scores and labels after non-maximum suppression, segmentors a label map, classifiers scores; with --raw,
boxes and scores of all anchors, or logits. What goes in and comes out is described in the file's metadata.
"""
import argparse
import json
from pathlib import Path

from mmmux.analysis.complexity import input_shape
from mmmux.config import load_config
from mmmux.deploy.export import Export, export
from mmmux.tasks import task_of
from mmmux.utils import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config file of the model')
    parser.add_argument('checkpoint', help='file or URL of its weights')
    parser.add_argument('--format', choices=['onnx', 'openvino', 'torchscript'], default='onnx', help='default: %(default)s')
    parser.add_argument('--out', type=Path, required=True, help='file to write: .onnx, .xml (OpenVINO) or .pt')
    parser.add_argument('--shape', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
                        help='size of the pictures in pixels (default: what the config tests at)')
    parser.add_argument('--dynamic', action='store_true', help='take any number of pictures of any size')
    parser.add_argument('--precision', choices=['fp32', 'fp16', 'int8'], default='fp32', help='default: %(default)s')
    parser.add_argument('--raw', action='store_true', help='leave out non-maximum suppression, arg max and softmax')
    parser.add_argument('--tune', action='store_true',
                        help='for MUXNet: measure here which of several equal forms of each stage is the fastest (minutes)')
    parser.add_argument('--opset', type=int, default=17, help="version of ONNX's operator set (default: %(default)s)")
    parser.add_argument('--pictures', type=Path, nargs='+', default=[], metavar='PATH',
                        help='pictures, or folders of them, to check and calibrate with (default: the test data)')
    parser.add_argument('--calibration', type=int, default=100, help='pictures int8 is calibrated with (default: %(default)s)')
    parser.add_argument('--measured', type=int, help='test pictures the loss by int8 is measured on (default: all; 0: none)')
    cli.add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        cfg = load_config(args.config, args.cfg_options)
        height, width = args.shape or input_shape(cfg)
        wanted = Export(args.format, height, width, args.dynamic, args.precision, args.raw, args.opset, args.pictures,
                        args.calibration, args.measured, args.tune)
        report = export(cfg, args.checkpoint, wanted, args.out, task_of(cfg))
    print(json.dumps(report, indent=2))


if __name__ == '__main__':
    main()
