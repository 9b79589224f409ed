#!/usr/bin/env python
"""Profile backbones in ONNX Runtime node by node, and compare each node's time with a lower bound from the machine's peaks.

The lower bound ("floor") of a node is the larger of two times: its multiply-adds divided by the measured rate of a matrix
product, and its bytes divided by the measured bandwidth of a copy. A node whose data stay in the processor's cache can be
faster.
"""
import argparse
import json
import math
import re
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import numpy
import onnxruntime
import torch
from mmdet.models.backbones import MobileNetV2
from torch import nn

from mmmux.deploy import exact_form
from mmmux.deploy.benchmark import Features
from mmmux.deploy.runtimes import FileContent, onnx_runtime
from mmmux.models import MUXNet
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine

OUT_INDICES = (4, 7)
LAYER = re.compile(r'/backbone/(stem|stages\.\d+|\w+\d)')
NETWORKS = {
    'MobileNetV2': lambda: MobileNetV2(out_indices=OUT_INDICES),
    'MUXNet-m, plain': lambda: MUXNet('m', out_indices=OUT_INDICES),
    'MUXNet-m, exact': lambda: MUXNet('m', out_indices=OUT_INDICES),
}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    network = NETWORKS[name]()
    network.eval()
    trunk = Features(exact_form(network, onnx_runtime.FORM) if name.endswith('exact') else network)
    trunk.eval()
    return trunk


def peaks(rounds: int = 20) -> tuple[float, float]:
    """Measure the multiply-adds per second of a matrix product, and the bytes per second (read and written) of a copy."""
    a, b = torch.rand(1536, 1536), torch.rand(1536, 1536)
    source, target = torch.rand(2**22), torch.empty(2**22)  # 16 MiB each, the size of the largest features

    def best(function) -> float:
        seconds = []
        for _ in range(rounds):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    return 1536**3 / best(lambda: a @ b), 2 * source.numel() * 4 / best(lambda: target.copy_(source))


def profiled(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_profiling = True
    options.profile_file_prefix = str(path.with_suffix(''))
    # As in onnx_runtime.load: otherwise idle threads keep a core busy while another network is timed.
    options.add_session_config_entry('session.force_spinning_stop', '1')
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])


def nodes_of(session: onnxruntime.InferenceSession) -> list[dict]:
    """Read a session's profile: for each node the backbone layer, operator, median microseconds, multiply-adds and bytes."""
    times, described = defaultdict(list), {}
    for event in json.loads(Path(session.end_profiling()).read_text()):
        if event.get('cat') == 'Node' and event['name'].endswith('_kernel_time'):
            times[event['name']].append(event['dur'])
            described[event['name']] = event['args']
    nodes, layer = [], ''
    for name, durations in times.items():  # in the order of execution: a reordering node counts to the layer before it
        found = LAYER.match(name)
        layer = found[1] if found else layer
        nodes.append(dict(layer=layer, microseconds=median(durations), **cost(described[name])))
    return nodes


def cost(args: dict) -> dict:
    inputs, outputs = ([shape for entry in args[key] for shape in entry.values()]
                       for key in ('input_type_shape', 'output_type_shape'))
    operator, macs = args['op_name'], 0
    if operator in ('Conv', 'FusedConv'):
        weight = inputs[1]
        macs = math.prod(outputs[0]) * math.prod(weight[1:])
        groups = inputs[0][1] // weight[1]
        operator = 'depthwise' if weight[1] == 1 and groups > 1 else 'grouped' if groups > 1 else (
            'pointwise' if weight[2:] == [1, 1] else 'dense')
    return dict(operator=operator, macs=macs, bytes=4 * sum(math.prod(shape) for shape in [*inputs, *outputs]))


def totals(nodes: list[dict], key: str, macs_a_second: float, bytes_a_second: float) -> dict[str, dict]:
    """Sum the nodes of each operator or layer.

    Args:
        nodes: the result of :func:`nodes_of`.
        key: 'operator' or 'layer'.
        macs_a_second: peak multiply-adds per second.
        bytes_a_second: peak bytes per second.

    Returns:
        By operator or layer: `nodes` (count), `ms`, `mmacs` (10^6 multiply-adds), `mbytes` (10^6 bytes) and `floor_ms`.
    """
    rows = defaultdict(lambda: dict(nodes=0, ms=0., mmacs=0., mbytes=0., floor_ms=0.))
    for node in nodes:
        row = rows[node[key]]
        row['nodes'] += 1
        row['ms'] += node['microseconds'] / 1e3
        row['mmacs'] += node['macs'] / 1e6
        row['mbytes'] += node['bytes'] / 1e6
        row['floor_ms'] += max(node['macs'] / macs_a_second, node['bytes'] / bytes_a_second) * 1e3
    return {name: {field: round(value, 3) for field, value in row.items()} for name, row in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', type=int, default=320, help='height and width in pixels (default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=50, help='number of timed rounds (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=2, help='number of CPU threads (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=Path('benchmarks/results/layers.json'),
                        help='JSON file to write (default: %(default)s)')
    parser.add_argument('--plot', type=Path, default=Path('docs/performance.png'),
                        help='picture to write (default: %(default)s)')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pictures = numpy.random.default_rng(0).random((1, 3, args.size, args.size), numpy.float32)
    measured, sessions = [peaks()], {}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(NETWORKS):
            path = Path(folder) / f'{number}.onnx'
            onnx_runtime.write(FileContent(build(name), torch.zeros(1, 3, args.size, args.size)), path)
            sessions[name] = profiled(path, args.threads)
        for _ in range(args.rounds):  # in turn, so that other load on the machine affects all networks alike
            for session in sessions.values():
                session.run(None, {'pictures': pictures})
        nodes = {name: nodes_of(session) for name, session in sessions.items()}
    measured.append(peaks())  # measured twice, because a shared machine is slow at times
    macs_a_second, bytes_a_second = map(max, zip(*measured))
    result = dict(**describe_machine(), size=args.size, rounds=args.rounds,
                  peak_gmacs=round(macs_a_second / 1e9, 1), copy_gbytes=round(bytes_a_second / 1e9, 1), networks={})
    for name in NETWORKS:
        result['networks'][name] = {kind: totals(nodes[name], kind[:-1], macs_a_second, bytes_a_second)
                                    for kind in ('operators', 'layers')}
        rows = sorted(result['networks'][name]['operators'].items(), key=lambda item: -item[1]['ms'])
        show(name, rows)
    write_json(args.out, result)
    plot(result['networks'], args.plot)
    print(f'\nwritten: {args.out}, {args.plot}')


def plot(networks: dict, out_file: Path) -> None:
    """Plot the milliseconds of each operator as bars, with its floor as a line."""
    from matplotlib.figure import Figure
    def value(name: str, operator: str, key: str) -> float:
        return networks[name]['operators'].get(operator, {}).get(key, 0)

    found = dict.fromkeys(operator for rows in networks.values() for operator in rows['operators'])
    longest = {operator: max(value(name, operator, 'ms') for name in networks) for operator in found}
    operators = sorted((operator for operator in longest if longest[operator] > 0.1), key=lambda operator: -longest[operator])
    figure = Figure(figsize=(10, 4), layout='constrained')
    axes = figure.subplots()
    width = 0.8 / len(networks)
    for number, name in enumerate(networks):
        left = [place - 0.4 + number * width for place in range(len(operators))]
        axes.bar(left, [value(name, operator, 'ms') for operator in operators], width, align='edge', label=name)
        axes.hlines([value(name, operator, 'floor_ms') for operator in operators], left, [place + width for place in left],
                    color='black', label=None if number else 'floor')
    axes.set_xticks(range(len(operators)), operators, rotation=30, ha='right')
    axes.set_ylabel('ms, sum over the nodes')
    axes.legend()
    axes.grid(axis='y', alpha=0.3)
    figure.savefig(out_file, dpi=110)


def show(name: str, rows) -> None:
    print(f'\n{name}\n{"operator":<20}{"nodes":>6}{"ms":>8}{"floor ms":>10}{"M multiply-adds":>17}{"MB":>8}')
    for operator, row in rows:
        print(f'{operator:<20}{row["nodes"]:>6}{row["ms"]:>8.2f}{row["floor_ms"]:>10.2f}{row["mmacs"]:>17.1f}{row["mbytes"]:>8.1f}')
    total = {key: sum(row[key] for _, row in rows) for key in ('nodes', 'ms', 'floor_ms', 'mmacs', 'mbytes')}
    print(f'{"all":<20}{total["nodes"]:>6}{total["ms"]:>8.2f}{total["floor_ms"]:>10.2f}{total["mmacs"]:>17.1f}{total["mbytes"]:>8.1f}')


if __name__ == '__main__':
    main()
