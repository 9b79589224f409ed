"""A process that has used OpenVINO survives the signals that Python handles."""
import textwrap

import pytest

CODE = textwrap.dedent("""
    import signal
    import subprocess
    import sys
    from pathlib import Path

    import torch
    from torch import nn

    from mmmux.deploy.runtimes import FileContent, openvino_runtime


    class Network(nn.Sequential):
        outputs = ('features', )

        def forward(self, x):
            return (super().forward(x), )


    path, x = Path({folder!r}) / 'network.xml', torch.rand(1, 3, 8, 8)
    openvino_runtime.write(FileContent(Network(nn.Conv2d(3, 4, 3)).eval(), x), path)
    networks = [openvino_runtime.load(path), openvino_runtime.load(path)]
    while networks:
        networks.pop(0)(x.numpy())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    subprocess.run([sys.executable, '-c', ''], check=True)
    print('alive')""")


@pytest.mark.slow
def test_a_process_that_used_two_networks_outlives_a_child(fresh_python, tmp_path):
    pytest.importorskip('openvino')
    pytest.importorskip('onnx')
    assert fresh_python(CODE.format(folder=str(tmp_path))).endswith('alive')
