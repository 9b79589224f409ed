import os
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture
def launch(tmp_path):
    """Run a launcher with stand-ins for python and srun that print their arguments."""
    for name in ('python', 'srun'):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)

    def run(name: str, *args: str, **env: str) -> subprocess.CompletedProcess:
        clean = {key: value for key, value in os.environ.items() if key not in ('GPUS', 'NNODES', 'MASTER_PORT')}
        return subprocess.run(['bash', str(TOOLS / name), *args], capture_output=True, text=True,
                              env={**clean, 'PATH': f'{tmp_path}:{os.environ["PATH"]}', **env})

    return run


def test_one_machine(launch):
    words = launch('dist_train.sh', 'config.py', '8', '--amp', '--cfg-options', 'a=1').stdout.split()
    assert words[:3] == ['python', '-m', 'torch.distributed.run'] and words[words.index('--nproc_per_node') + 1] == '8'
    assert words[-7:] == [str(TOOLS / 'train.py'), 'config.py', '--launcher', 'pytorch', '--amp', '--cfg-options', 'a=1']


def test_several_machines(launch):
    done = launch('dist_train.sh', 'config.py', '4', NNODES='2', NODE_RANK='1', MASTER_ADDR='10.0.0.1', MASTER_PORT='1234')
    assert '--nnodes 2 --node_rank 1 --nproc_per_node 4 --master_addr 10.0.0.1 --master_port 1234' in done.stdout


def test_testing(launch):
    words = launch('dist_test.sh', 'config.py', 'a.pth', '2', '--tta').stdout.split()
    assert words[-6:] == [str(TOOLS / 'test.py'), 'config.py', 'a.pth', '--launcher', 'pytorch', '--tta']


@pytest.mark.parametrize('gpus,tasks,on_each', [('8', '8', '8'), ('16', '16', '8'), ('2', '2', '2')])
def test_slurm(launch, gpus, tasks, on_each):
    done = launch('slurm_train.sh', 'gpu', 'job', 'config.py', '--resume', GPUS=gpus, SRUN_ARGS='--time 1:00 --qos long')
    words = done.stdout.split()
    assert words[:4] == ['srun', '-p', 'gpu', '--job-name=job']
    assert {f'--ntasks={tasks}', f'--ntasks-per-node={on_each}', f'--gres=gpu:{on_each}', '--time', '--qos'} <= set(words)
    assert words[-6:] == ['-u', str(TOOLS / 'train.py'), 'config.py', '--launcher', 'slurm', '--resume']


@pytest.mark.parametrize('name', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_too_few_arguments(launch, name):
    done = launch(name, 'config.py')
    assert done.returncode == 2 and done.stderr.startswith('usage:') and not done.stdout
