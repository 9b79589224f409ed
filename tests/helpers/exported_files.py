"""Read the description of an exported file with the runtime's own functions."""
import json
from pathlib import Path


def read_description(path: Path) -> dict:
    """Return the description in the metadata of an ONNX (.onnx), OpenVINO (.xml) or TorchScript (.pt) file."""
    if path.suffix == '.onnx':
        import onnx
        return json.loads({entry.key: entry.value for entry in onnx.load(path).metadata_props}['mmmux'])
    if path.suffix == '.xml':
        import openvino
        return json.loads(openvino.Core().read_model(str(path)).get_rt_info('mmmux').value)
    import torch
    files = {'mmmux.json': ''}
    torch.jit.load(str(path), _extra_files=files)
    return json.loads(files['mmmux.json'])
