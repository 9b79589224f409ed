"""Describe the machine and software of a measurement."""
import os
import platform
import sys
from datetime import date
from pathlib import Path

import torch

from .installed import installed_versions

METRICS_FILE = 'metrics.json'  # name of the file in the work directory with the metrics of a test
MACHINE_FILE = 'machine.json'  # name of the file in the work directory with the machine of a training
_PACKAGES = ('torch', 'torchvision', 'torchmetrics', 'numpy', 'mmengine', 'mmcv', 'mmcv-lite', 'mmdet', 'mmsegmentation',
             'mmpretrain', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmsegmentation', 'onedl-mmpretrain',
             'onnx', 'onnxruntime', 'openvino', 'nncf')


def describe_machine() -> dict:
    """Collect the processor, GPU, number of threads, package versions, date and command line of this process.

    Returns:
        dict: A description that can be written as JSON.
    """
    return dict(
        date=date.today().isoformat(),
        command=' '.join([Path(sys.argv[0]).name, *map(_without_folders, sys.argv[1:])]),
        processor=_processor(),
        cores=usable_cores(),
        threads=torch.get_num_threads(),
        gpu=torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        system=f'{platform.system()} {platform.machine()}',
        python=platform.python_version(),
        versions=installed_versions(*_PACKAGES))


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def cpu_has_bfloat16() -> bool:
    """Return whether the CPU has instructions for bfloat16; without them torch computes in it, but slower than in float32."""
    cpuinfo = Path('/proc/cpuinfo')
    words = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    return bool(words & {'avx512_bf16', 'amx_bf16', 'bf16'})  # the last one is ARM's name


def _without_folders(argument: str) -> str:
    # Keep only the names of files: the folders of this machine are of no use to a reader elsewhere.
    key, equals, value = argument.rpartition('=')
    return key + equals + (Path(value).name if Path(value).is_absolute() else value)


def _processor() -> str:
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()
