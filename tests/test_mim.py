"""mim and mmpretrain read our metafiles, find our configs and run our tools, which are installed as a wheel has them."""
import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from modelindex.load_model_index import load
from small_trainings import detector

ROOT = Path(__file__).resolve().parents[1]
FIRST = 'ssdlite_muxnet-m_1xb16-25e_shapes-160'
needs_mim = pytest.mark.skipif(find_spec('mim') is None, reason='openmim is not installed')


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """A folder with the package as a wheel has it, and with metadata that pip's tools read."""
    target = tmp_path_factory.mktemp('installed')
    source = tmp_path_factory.mktemp('source')
    for name in subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT, capture_output=True, text=True,
                               check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-build-isolation', '--target', target,
                    source], check=True, capture_output=True)
    return target


def run(installed: Path, *arguments, cwd: Path, **variables) -> str:
    env = dict(os.environ, PYTHONPATH=str(installed), CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1', PYTHONWARNINGS='ignore',
               **variables)
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    return done.stdout


def models() -> list:
    index = load(str(ROOT / 'model-index.yml'))
    index.build_models_with_collections()
    return list(index.models)


def test_every_value_is_one_that_mim_reads():
    """mim takes texts, numbers, and lists of texts; and a text to search by for every training."""
    assert len(models()) > 40
    for model in models():
        for key, value in model.metadata.data.items():
            assert isinstance(value, (str, int, float)) or all(isinstance(item, str) for item in value), (model.name, key)
        assert model.metadata.training_data and (ROOT / model.config).is_file() and model.in_collection
        for result in model.results or []:
            assert result.task and result.dataset and all(isinstance(value, (int, float)) for value in result.metrics.values())


def test_flops_are_multiply_adds_as_mmpretrain_counts_them():
    """Of MobileNetV2, which mmpretrain's own metafile counts, too."""
    flops, = (model.metadata.flops for model in models() if model.name == 'mobilenetv2_8xb96-450e_imagenet-224')
    assert flops == pytest.approx(319e6, rel=0.07)  # theirs has the additions of norms


def test_names_of_configs_are_found_once():
    """mim looks for the file of a name in the whole package."""
    names = [model.config.rpartition('/')[2] for model in models()]
    found = [path.name for path in (ROOT / 'configs').rglob('*.py')]
    assert [name for name in names if found.count(name) != 1] == []


def test_mmpretrain_builds_a_model_by_its_name():
    pytest.importorskip('mmpretrain')
    from mmpretrain.apis.model import ModelHub, get_model
    known = dict(ModelHub._models_dict)
    ModelHub.register_model_index(ROOT / 'model-index.yml', config_prefix=ROOT)
    try:
        model = get_model('muxnet-xs_8xb96-450e_imagenet-224')
    finally:
        ModelHub._models_dict = known
    assert type(model.backbone).__name__ == 'MUXNet' and len(model._dataset_meta['classes']) == 1000


@needs_mim
@pytest.mark.slow
def test_mim_search(installed, tmp_path):
    printed = run(installed, '-m', 'mim', 'search', 'mmmux', '--model', 'ssdlite', '--json', tmp_path / 'found.json',
                  cwd=tmp_path)
    assert FIRST in (tmp_path / 'found.json').read_text(), printed


@pytest.mark.slow
def test_what_mim_runs_to_train_and_test(installed, tmp_path):
    """mim's own commands, without mim: the package's tool, the config that it finds by its name, and its options."""
    config = detector(tmp_path)
    # As it is found in the package, from where the base config is inherited.
    found, = (installed / 'mmmux').rglob(f'{FIRST}.py')
    config.write_text(config.read_text().replace(f'{ROOT}/configs/ssdlite/{FIRST}.py', str(found)))
    tools = installed / 'mmmux/.mim/tools'
    options = ['--work-dir', tmp_path / 'work', '--cfg-options', 'train_cfg.max_epochs=1']
    run(installed, tools / 'train.py', config, '--launcher', 'none', *options, cwd=tmp_path)
    run(installed, tools / 'test.py', config, tmp_path / 'work/epoch_1.pth', '--launcher', 'none', '--work-dir',
        tmp_path / 'test', cwd=tmp_path)
    assert 'pascal_voc/mAP' in (tmp_path / 'test/metrics.json').read_text()


@needs_mim
@pytest.mark.slow
def test_mim_trains_and_tests(installed, tmp_path):
    config = detector(tmp_path)
    run(installed, '-m', 'mim', 'train', 'mmmux', config, '--gpus', 0, '--work-dir', tmp_path / 'work', '--cfg-options',
        'train_cfg.max_epochs=1', cwd=tmp_path)
    run(installed, '-m', 'mim', 'test', 'mmmux', config, '--checkpoint', tmp_path / 'work/epoch_1.pth', '--gpus', 0,
        '--work-dir', tmp_path / 'test', cwd=tmp_path)
    assert 'pascal_voc/mAP' in (tmp_path / 'test/metrics.json').read_text()


@pytest.fixture
def with_weights(installed, tmp_path):
    """The package with an entry `Weights`, which a server on this machine answers."""
    folder = tmp_path / 'server'
    folder.mkdir()
    torch.save(dict(state_dict={}), folder / 'published.pth')
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(SimpleHTTPRequestHandler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{server.server_port}/published.pth'
    metafile = installed / 'mmmux/.mim/configs/ssdlite/metafile.yml'
    before = metafile.read_text()
    metafile.write_text(before.replace(f'- Name: {FIRST}\n', f'- Name: {FIRST}\n  Weights: {url}\n'))
    yield url
    metafile.write_text(before)
    server.shutdown()


@needs_mim
@pytest.mark.slow
def test_mim_downloads_weights_and_config(installed, with_weights, tmp_path):
    run(installed, '-m', 'mim', 'download', 'mmmux', '--config', FIRST, '--dest', tmp_path / 'there', cwd=tmp_path)
    assert (tmp_path / 'there/published.pth').read_bytes() == (tmp_path / 'server/published.pth').read_bytes()
    assert "arch='m'" in (tmp_path / f'there/{FIRST}.py').read_text()


@pytest.mark.slow
def test_mmengines_hub_gives_the_config_and_the_place_of_its_weights(installed, with_weights, tmp_path):
    """And the config is inherited by its name, from any folder, once mmmux is imported."""
    (tmp_path / 'mine.py').write_text(f"_base_ = 'mmmux::ssdlite/{FIRST}.py'\nmodel = dict(bbox_head=dict(num_classes=7))\n")
    printed = run(installed, '-c', 'import mmmux\n'
                  'from mmengine.config import Config\n'
                  'from mmengine.hub import get_config\n'
                  f"cfg = get_config('mmmux::ssdlite/{FIRST}.py', pretrained=True)\n"
                  "print(cfg.model_path, cfg.model.backbone.type, mmmux.__file__)\n"
                  "mine = Config.fromfile('mine.py')\n"
                  'print(mine.model.bbox_head.num_classes, mine.model.backbone.arch)', cwd=tmp_path)
    first, second = printed.splitlines()[-2:]
    assert first.split()[:2] == [with_weights, 'mmmux.MUXNet'] and first.split()[2].startswith(str(installed))
    assert second.split() == ['7', 'm']


@pytest.mark.slow
def test_with_the_startup_hook_stock_programs_inherit_our_configs(installed, tmp_path):
    """mmengine resolves the base config before anything imports mmmux, and the types in it are mmdet's."""
    run(installed, '-m', 'mmmux', 'startup-hook', '--write', '--folder', installed, cwd=tmp_path)
    (tmp_path / 'mine.py').write_text(f"_base_ = 'mmmux::ssdlite/{FIRST}.py'\nmodel = dict(bbox_head=dict(num_classes=7))\n")
    code = (f'import site, sys; site.addsitedir({str(installed)!r})\n'
            'from mmengine.config import Config\n'
            'from mmengine.registry import MODELS, init_default_scope\n'
            "assert 'mmmux' not in sys.modules\n"
            "cfg = Config.fromfile('mine.py')\n"
            "assert '_scope_' not in str(cfg)\n"
            'init_default_scope(cfg.default_scope)\n'
            'model = MODELS.build(cfg.model)\n'
            'print(type(model).__name__, model.bbox_head.num_classes)')
    try:
        assert run(installed, '-c', code, cwd=tmp_path).splitlines()[-1].split() == ['SingleStageDetector', '7']
    finally:
        run(installed, '-m', 'mmmux', 'startup-hook', '--remove', '--folder', installed, cwd=tmp_path)
    assert not list(installed.glob('mmmux_startup*'))
