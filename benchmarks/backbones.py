#!/usr/bin/env python
"""Compare the times of MUXNet-m's and MobileNetV2's backbones: forward pass and training step, interleaved in one process."""
import torch
from interleaved import forward, parser, show, timed, training_step, write
from mmdet.models.backbones import MobileNetV2

from mmmux.models import MUXNet

NETWORKS = {
    'MobileNetV2': lambda: MobileNetV2(out_indices=(4, 7)),
    'MUXNet-m': lambda: MUXNet('m', out_indices=(4, 7)),
}


def main() -> None:
    args = parser(__doc__, 320, 8, 15, 'benchmarks/results/backbones.json').parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    networks = {name: build().to(args.device) for name, build in NETWORKS.items()}
    for network in networks.values():
        network.init_weights()
    pictures = torch.rand(max(args.batch, args.train_batch), 3, args.size, args.size, device=args.device)

    def loss(network):
        return sum(feature.square().mean() for feature in network(pictures[:args.train_batch]))

    tasks = {'forward': {name: forward(network, pictures[:args.batch]) for name, network in networks.items()},
             'training step': {name: training_step(network, loss) for name, network in networks.items()}}
    results = {}
    for task, steps in tasks.items():
        results[task] = timed(steps, args.rounds, args.device)
        show(task, results[task])
    write(args, results)


if __name__ == '__main__':
    main()
