#!/usr/bin/env python
"""Export a trained model to ONNX, OpenVINO or TorchScript, and check the file.

The check compares the outputs of the file in its runtime with PyTorch's on
images. The file of a detector outputs boxes, scores and labels after
non-maximum suppression, that of a segmentor a label map, and that of a
classifier scores. With --raw, it outputs the boxes and scores of all anchors,
or logits. The file's metadata describes its inputs and outputs. A report is
printed as JSON.
"""
import argparse
from pathlib import Path

from mmmux.utils import cli
from mmmux.utils.valid_json import dumps

with cli.stdout_to_stderr():
    from mmmux.analysis.complexity import input_shape
    from mmmux.config import load_config
    from mmmux.deploy.export import Export, export
    from mmmux.deploy.runtimes import FORMATS
    from mmmux.tasks import task_of


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='examples:\n'
        '  tools/export.py CONFIG CHECKPOINT --out model.onnx\n'
        '  tools/export.py CONFIG CHECKPOINT --out model.onnx --dynamic --raw\n'
        '  tools/export.py CONFIG CHECKPOINT --format openvino --out model.xml --precision int8 --pictures FOLDER')
    parser.add_argument('config', type=Path, help='config file of the model')
    parser.add_argument('checkpoint', help='file or URL of the weights')
    parser.add_argument('--format', choices=FORMATS, default='onnx',
                        help='file format (default: %(default)s)')
    parser.add_argument('--out', type=Path, required=True,
                        help='file to write, with the suffix .onnx, .xml (OpenVINO) or .pt (TorchScript)')
    parser.add_argument('--shape', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
                        help="size of the input images in pixels (default: the size in the config's test pipeline)")
    parser.add_argument('--dynamic', action='store_true',
                        help='accept batches of any number of images of any size (default: one size only)')
    parser.add_argument('--precision', choices=['fp32', 'fp16', 'int8'], default='fp32',
                        help='number type of the weights and the computation (default: %(default)s)')
    parser.add_argument('--raw', action='store_true',
                        help='omit the post-processing: non-maximum suppression, arg max or softmax (default: included)')
    parser.add_argument('--tune', action='store_true',
                        help='for MUXNet: time the equivalent forms of each stage on this machine, and export the fastest; '
                        'takes minutes (default: use the default forms)')
    parser.add_argument('--opset', type=int, default=17, help="version of ONNX's operator set (default: %(default)s)")
    parser.add_argument('--pictures', type=Path, nargs='+', default=[], metavar='PATH',
                        help='images, or folders of images, for the comparison and for the int8 calibration (default: the test '
                        'data of the config)')
    parser.add_argument('--calibration', type=int, default=100,
                        help='number of images for the int8 calibration (default: %(default)s)')
    parser.add_argument('--measured', type=int,
                        help='number of test images to measure the loss of accuracy by int8 on; 0 skips this (default: all)')
    cli.add_cfg_options(parser)
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences(), cli.stdout_to_stderr():
        cfg = load_config(args.config, args.cfg_options)
        height, width = args.shape or input_shape(cfg)
        wanted = Export(args.format, height, width, args.dynamic, args.precision, args.raw, args.opset, args.pictures,
                        args.calibration, args.measured, args.tune)
        report = export(cfg, args.checkpoint, wanted, args.out, task_of(cfg))
    print(dumps(report, indent=2))


if __name__ == '__main__':
    main()
