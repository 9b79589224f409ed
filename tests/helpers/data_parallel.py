"""Training in this process, alone or as one of several that share the pictures of a step.

In double precision: sums of another order round otherwise, and within ten steps of float32 such a difference grows a
thousandfold.
"""
import json
import os
import sys
from pathlib import Path

import torch

from mmmux.apis import runs
from mmmux.config import load_config


def train(config: Path, work: Path, rank: int, processes: int, port: int) -> None:
    """Train a config and write the loss of every step, as this process found it, to `<work>/losses_<rank>.json`."""
    work.mkdir(parents=True, exist_ok=True)
    sys.stdout = sys.stderr = open(work / f'printed_{rank}.txt', 'w')  # noqa: SIM115 - as long as the process
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
    os._exit(0)  # the work is done; leaving in order can wait forever for threads of gloo
