import hashlib
import json
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import cv2
import pytest
from facts import assert_facts, find_line, missing_facts
from reliability_record import record

from mmmux.datasets.drawn_shapes import CLASSES, draw_data_set

CHECK = 'analysis_tools/check_dataset.py'
SHAPES = 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@pytest.fixture
def checked(tool, configs, capsys, tmp_path):
    """Run the tool; return its exit status and its output, parsed if it is JSON."""
    def run(config: str, data: Path, *args, options: tuple = ()):
        with pytest.raises(SystemExit) as ended:
            tool(CHECK, configs / config, '--jobs', 2, '--out', tmp_path / 'out', *args, '--cfg-options',
                 *(f'{loader}.dataset.data_root={data}' for loader in LOADERS), *options)
        out = capsys.readouterr().out
        return ended.value.code or 0, json.loads(out) if '--json' in args else out

    return run


class Shapes:
    """Drawn shapes, 20 to train on and 4 to test on, and their mistakes."""

    def __init__(self, root: Path):
        self.root = draw_data_set(root, train=20, test=4, size=96)

    def picture(self, number: int) -> Path:
        return self.root / f'VOC2007/JPEGImages/{number:06d}.jpg'

    def annotation(self, number: int) -> Path:
        return self.root / f'VOC2007/Annotations/{number:06d}.xml'

    def change(self, number: int, path: str, text: str) -> None:
        """Set the text of an element of an annotation, given by its path."""
        tree = ET.parse(self.annotation(number))
        tree.find(path).text = text
        tree.write(self.annotation(number))

    def boxes(self, numbers) -> Counter:
        """How many boxes of each class the annotations have, without this project's reader."""
        names = (element.text for number in numbers for element in ET.parse(self.annotation(number)).iterfind('object/name'))
        return Counter(names)


@pytest.fixture
def shapes(tmp_path):
    return Shapes(tmp_path / 'data')


def plant(shapes: Shapes) -> dict[tuple[str, str], str]:
    """Spoil pictures; give back what must be found: kind and set, with the names."""
    whole = shapes.picture(0).read_bytes()
    shapes.picture(0).write_bytes(whole[:len(whole) // 2])
    shapes.picture(1).write_bytes(b'')
    shapes.picture(2).unlink()
    shapes.annotation(3).write_text('<annotation><object>')
    shapes.change(4, 'size/width', '97')
    shapes.change(5, 'object/name', 'cirle')
    shapes.change(6, 'object/bndbox/xmax', ET.parse(shapes.annotation(6)).findtext('object/bndbox/xmin'))
    for side, corner in (('xmin', 150), ('xmax', 180)):
        shapes.change(7, f'object/bndbox/{side}', str(corner))
    shapes.change(8, 'object/bndbox/ymin', 'nan')
    shutil.copy(shapes.picture(20), shapes.picture(9))
    cv2.imwrite(str(shapes.picture(10).with_suffix('.png')), cv2.imread(str(shapes.picture(21))))
    shapes.picture(10).unlink()
    shutil.copy(shapes.picture(11), shapes.picture(12))
    shapes.change(22, 'object/name', 'cros')
    return {
        ('unreadable pictures', 'train'): ['000000', '000001', '000002'],
        ('unreadable annotations', 'train'): ['000003'],
        ('size mismatches', 'train'): ['000004'],
        ('unknown classes', 'train'): ['000005'],
        ('boxes without area', 'train'): ['000006'],
        ('boxes outside the picture', 'train'): ['000007'],
        ('boxes that are no numbers', 'train'): ['000008'],
        ('duplicates across sets', 'train'): ['000009', '000010'],
        ('duplicates within a set', 'train'): ['000012'],
        ('unknown classes', 'val and test'): ['000022'],
    }


def found_names(found: dict) -> dict[tuple[str, str], list[str]]:
    names = {}
    for finding in found['findings']:
        names.setdefault((finding['kind'], finding['set']), []).extend(finding['names'])
    return names


def test_every_planted_flaw_is_found_and_nothing_else(checked, shapes):
    planted = plant(shapes)
    status, found = checked(SHAPES, shapes.root, '--json')
    names = found_names(found)
    lost = sum(len(set(expected) - set(names.get(place, ()))) for place, expected in planted.items())
    record('data sets checked', 'VOC layout', tried=sum(map(len, planted.values())), lost=lost, of='planted flaws')
    assert names == planted and status == 1 and not found['unchecked']
    sentences = {tuple(finding['names']): finding['sentence'] for finding in found['findings']}
    for name, facts in {
            '000000': ('truncated', ), '000001': ('not a picture', ), '000002': ('missing', ),
            '000004': ('96 x 96', '97 x 96'), '000005': ("'cirle'", '1 boxes', '1 pictures'),
            '000009': ('file', '000020', 'val', 'test'), '000010': ('pixels', '000021', 'val', 'test'),
            '000012': ('file', '000011')}.items():
        assert_facts(sentences[name, ], name, *facts)


@pytest.mark.slow
def test_list_of_the_planted_flaws_makes_training_clean(checked, shapes, tmp_path):
    planted = {name for (_, where), names in plant(shapes).items() for name in names if where == 'train'}
    bad = tmp_path / 'bad.txt'
    status, out = checked(SHAPES, shapes.root, '--fix-list', bad, '--splits', 'train', 'test')
    assert status == 1 and f'--cfg-options train_dataloader.dataset.leave_out={bad}' in out
    left_out = f'train_dataloader.dataset.leave_out={bad}'
    assert checked(SHAPES, shapes.root, '--splits', 'train', options=(left_out, ))[0] == 0

    shapes.change(22, 'object/name', 'cross')  # the test data are corrected by hand
    again = tmp_path / 'again.txt'
    status, out = checked(SHAPES, shapes.root, '--fix-list', again, options=(left_out, ))
    assert status == 0
    from mmmux.datasets import VOCDataset
    for path in (bad, again):  # a user who checks again can replace the list
        dataset = VOCDataset(data_root=str(shapes.root), ann_file='VOC2007/ImageSets/Main/trainval.txt', leave_out=str(path),
                             data_prefix=dict(sub_data_root='VOC2007/'), metainfo=dict(classes=CLASSES), pipeline=[])
        kept = {dataset.get_data_info(index)['img_id'] for index in range(len(dataset))}
        assert kept == {f'{number:06d}' for number in range(20)} - planted


def test_clean_data(checked, shapes, tmp_path):
    status, found = checked(SHAPES, shapes.root, '--json')
    assert status == 0 and found['findings'] == []
    train, test = found['sets']
    assert (train['splits'], test['splits']) == (['train'], ['val', 'test'])
    assert (train['pictures'], test['pictures']) == (20, 4)
    for part, numbers in ((train, range(20)), (test, range(20, 24))):
        assert {name: counts['boxes'] for name, counts in part['classes'].items()} == shapes.boxes(numbers)
        pictures = Counter(name for number in numbers for name in shapes.boxes([number]))
        assert {name: counts['pictures'] for name, counts in part['classes'].items()} == pictures
    assert json.loads((tmp_path / 'out/findings.json').read_text()) == found
    for name in ('box_sizes.png', 'class_counts.png'):
        assert cv2.imread(str(tmp_path / 'out' / name)).std() > 10


def test_text_names_the_places_of_findings(checked, shapes):
    plant(shapes)
    status, out = checked(SHAPES, shapes.root)
    assert status == 1
    assert_facts(out.splitlines()[0], 'train', '20 pictures', 'VOCDataset', 'train_dataloader.dataset')
    for facts in (('3', 'unreadable pictures'), ('2', 'duplicates across sets'), ('found', '13'),
                  ('train', '000002', 'missing')):
        find_line(out, *facts)


def test_nothing_is_changed(checked, shapes, tmp_path):
    plant(shapes)
    def digest() -> str:
        files = sorted(path for path in shapes.root.rglob('*') if path.is_file())
        return hashlib.sha256(b''.join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()

    before = digest()
    checked(SHAPES, shapes.root, '--fix-list', tmp_path / 'lists')
    assert digest() == before and [path.name for path in (tmp_path / 'lists').iterdir()] == ['train.txt']


@pytest.mark.parametrize('options,facts', [
    (['train_dataloader.dataset.data_root=nowhere'], ('nowhere', 'train_dataloader.dataset.data_root')),
    (['train_dataloader.dataset.leave_out=nowhere.txt'], ('nowhere.txt', 'leave_out', 'exist')),
    (['train_dataloader.dataset.type=mmmux.VOCDatset'], ('train_dataloader.dataset.type', "'mmmux.VOCDatset'")),
    (['train_dataloader.dataset.leaves_out=a.txt'], ("'leaves_out'", "'leave_out'")),
])
def test_a_set_that_cannot_be_checked_is_a_sentence(fails, configs, shapes, tmp_path, options, facts):
    root = f'train_dataloader.dataset.data_root={shapes.root}'
    assert_facts(fails(CHECK, configs / SHAPES, '--splits', 'train', '--out', tmp_path, '--cfg-options', root, *options),
                 *facts)


def test_no_process_at_all_is_a_sentence(fails, configs, shapes, tmp_path):
    root = f'train_dataloader.dataset.data_root={shapes.root}'
    options = ['--splits', 'train', '--out', tmp_path, '--jobs', '0', '--cfg-options', root]
    assert_facts(fails(CHECK, configs / SHAPES, *options), '--jobs', '1', '0')


def test_set_that_cannot_be_checked_does_not_hide_the_others(checked, shapes):
    plant(shapes)
    status, out = checked(SHAPES, shapes.root, options=('val_dataloader.dataset.leave_out=nowhere.txt', ))
    assert status == 2
    find_line(out, '3', 'unreadable pictures')
    find_line(out, 'val', 'val_dataloader.dataset', 'nowhere.txt', 'leave_out')


class TestBoxesPerPicture:

    @pytest.mark.slow
    def test_more_than_the_model_returns(self, checked, shapes):
        counts = [sum(shapes.boxes([number]).values()) for number in range(20, 24)]  # of the pictures to test on
        limit = sorted(counts)[1]
        above = sum(count > limit for count in counts)
        assert above
        option = (f'model.test_cfg.max_per_img={limit}', )
        status, found = checked(SHAPES, shapes.root, '--json', '--fix-list', shapes.root / 'lists', options=option)
        (finding, ) = found['findings']
        assert status == 1 and finding['set'] == 'val and test' and finding['names'] == []
        assert_facts(finding['sentence'], f'model.test_cfg.max_per_img={limit}', above, max(counts))
        assert checked(SHAPES, shapes.root, options=(f'model.test_cfg.max_per_img={max(counts)}', ))[0] == 0

    @pytest.mark.parametrize('kept,negatives,said', [(False, 0, False), (True, 0, True), (True, 30, False)])
    def test_none(self, checked, shapes, kept, negatives, said):
        for number in (3, 7, 21):
            tree = ET.parse(shapes.annotation(number))
            for element in tree.getroot().findall('object'):
                tree.getroot().remove(element)
            tree.write(shapes.annotation(number))
        options = (f'train_dataloader.dataset.filter_cfg.filter_empty_gt={not kept}',
                   f'model.bbox_head.background_negatives={negatives}')
        status, found = checked(SHAPES, shapes.root, '--json', options=options)
        assert status == 0
        notes = [note for part in found['sets'] for note in part['notes']]
        assert len(notes) == said and all(not missing_facts(
            note, '2', '20', 'model.bbox_head.background_negatives=30', 'filter_cfg.filter_empty_gt=True') for note in notes)
