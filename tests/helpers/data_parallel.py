"""Train in this process, alone or as one of several processes that share the images of each step.

The training uses double precision: another order of summation rounds differently, and in float32 such a difference grows a
thousandfold within ten steps.
"""
import json
import os
import sys
from pathlib import Path

import torch

from mmmux.apis import runs
from mmmux.config import load_config


def train(config: Path, work: Path, rank: int, processes: int, port: int) -> None:
    """Train a config, and write this process's loss of every step to `<work>/losses_<rank>.json`; end the process.

    Args:
        config: the config file.
        work: the work dir.
        rank: number of this process, from 0.
        processes: number of processes.
        port: port of the first process, to which the others connect.
    """
    work.mkdir(parents=True, exist_ok=True)
    sys.stdout = sys.stderr = open(work / f'printed_{rank}.txt', 'w')  # noqa: SIM115 - open until the process ends
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    if processes > 1:
        os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), RANK=str(rank), LOCAL_RANK=str(rank),
                          WORLD_SIZE=str(processes))
    runner = runs.build_runner(load_config(config, work_dir=work, launcher='pytorch' if processes > 1 else 'none'))
    runner.train()
    losses, _ = runner.message_hub.get_scalar('train/loss').data
    (work / f'losses_{rank}.json').write_text(json.dumps(losses.tolist()))
    sys.stdout.flush()
    os._exit(0)  # a regular exit can wait forever for gloo's threads
