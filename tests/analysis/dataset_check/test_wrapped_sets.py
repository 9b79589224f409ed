"""Data sets inside wrappers, equal data sets, those of other packages, and pictures that end the process that reads them."""
import os
import shutil
import signal

import pytest
from facts import assert_facts, raises
from PIL import Image

from mmmux.datasets.loading import LoadImage
from mmmux.registry import TRANSFORMS
from mmmux.utils.errors import ConfigError


@TRANSFORMS.register_module()
class DeadlyLoadImage(LoadImage):
    """End the process at a certain picture, as the kernel does when memory runs out."""

    def transform(self, results: dict) -> dict:
        if results['img_path'].endswith('bomb.jpg'):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().transform(results)


def dataset(voc, split: str = 'trainval', **changes) -> dict:
    return {'type': 'mmmux.VOCDataset', 'data_root': str(voc.root), 'ann_file': f'VOC2007/ImageSets/Main/{split}.txt',
            'data_prefix': dict(sub_data_root='VOC2007/'), 'metainfo': dict(classes=('cell', )), 'pipeline': [], **changes}


@pytest.fixture
def pictures(voc):
    """Four pictures with a cell; three of them in trainval, the last in test."""
    for name in ('a', 'bb', 'ccc', 'dddd'):  # the length of a name is the seed of its picture
        voc.add(name, ('cell', 11, 11, 31, 41))
    voc.split.write_text('a\nbb\nccc\n')
    voc.split.with_name('test.txt').write_text('dddd\n')
    voc.split.with_name('one.txt').write_text('a\n')
    return voc


def test_wrappers_are_followed(pictures, checked, found_in):
    pictures.picture('bb').write_bytes(b'')
    balanced = dict(type='ClassBalancedDataset', oversample_thr=0.1,
                    dataset=dataset(pictures, pipeline=[dict(type='LoadImageFromFile')]))
    both = dict(type='ConcatDataset', datasets=[dataset(pictures), balanced])
    repeated = dict(type='RepeatDataset', times=3, dataset=both)
    report = checked('mmdet', train=repeated, val=dataset(pictures, 'test'))
    assert [(part.part.key, len(part.layout.names)) for part in report.parts] == [
        ('train_dataloader.dataset.dataset.datasets.0', 3), ('val_dataloader.dataset', 1)]
    assert found_in(report) == [('unreadable pictures', 'train', 'bb')]


def test_two_training_sets_have_numbers_and_their_own_lists(pictures, checked, found_in, tmp_path):
    from mmmux.analysis.dataset_check.report import check_fix_list, write_fix_lists
    pictures.picture('ccc').write_bytes(b'')
    both = dict(type='ConcatDataset', datasets=[dataset(pictures), dataset(pictures, 'one')])
    report = checked('mmdet', train=both, val=dataset(pictures, 'test'))
    assert found_in(report) == [('unreadable pictures', 'train 1', 'ccc'), ('duplicates within a set', 'train 2', 'a')]
    parts, layouts = [part.part for part in report.parts], [part.layout for part in report.parts]
    with raises(ConfigError, '--fix-list', tmp_path / 'bad.txt', '2 data sets', 'folder'):
        check_fix_list(parts, layouts, tmp_path / 'bad.txt')
    with raises(ConfigError, '--fix-list', tmp_path / 'lists', '(val)', '--splits'):
        check_fix_list(parts[2:], layouts[2:], tmp_path / 'lists')
    lists = write_fix_lists(report, tmp_path / 'lists')
    key = 'train_dataloader.dataset.datasets'
    assert {key: path.read_text().splitlines()[1:] for key, path in lists.items()} == {
        f'{key}.0.leave_out': ['ccc'], f'{key}.1.leave_out': ['a']}


def test_training_on_what_is_tested_on(pictures, checked, found_in):
    report = checked('mmdet', train=dataset(pictures), test=dataset(pictures, test_mode=True))
    assert found_in(report) == [('duplicates across sets', 'train and test', 'train and test read the same pictures')]


def test_a_picture_in_two_lists(pictures, checked, found_in):
    pictures.split.write_text('a\nbb\nccc\ndddd\n')
    assert found_in(checked('mmdet', train=dataset(pictures), test=dataset(pictures, 'test'))) == [
        ('duplicates across sets', 'train', 'dddd')]


def test_name_that_is_listed_twice_is_not_left_out(pictures, checked, found_in):
    pictures.split.write_text('a\nbb\na\na\n')
    (finding, ) = checked('mmdet', train=dataset(pictures)).findings
    assert_facts(finding.sentence, 'a:', '3 times')
    assert not finding.names


def test_name_that_is_listed_twice_and_in_testing_is_left_out(pictures, checked, found_in):
    pictures.split.write_text('a\ndddd\ndddd\n')
    assert found_in(checked('mmdet', train=dataset(pictures), val=dataset(pictures, 'test'))) == [
        ('duplicates within a set', 'train', 'dddd: is listed 2 times'), ('duplicates across sets', 'train', 'dddd')]


def test_every_copy_to_train_on_is_left_out_of_training_and_one_is_tested_on(pictures, checked, found_in):
    for name in ('a', 'bb'):
        shutil.copy(pictures.picture('dddd'), pictures.picture(name))
    assert found_in(checked('mmdet', train=dataset(pictures), val=dataset(pictures, 'test'))) == [
        ('duplicates across sets', 'train', 'a'), ('duplicates across sets', 'train', 'bb')]


@pytest.mark.parametrize('jobs', [1, 2])
def test_picture_that_kills_its_process(pictures, checked, found_in, jobs):
    pictures.add('bomb', ('cell', 11, 11, 31, 41), size=(70, 50))
    report = checked('mmdet', jobs, train=dataset(pictures, pipeline=[dict(type='mmmux.DeadlyLoadImage')]))
    assert found_in(report) == [('unreadable pictures', 'train', 'bomb')]
    (finding, ) = report.findings
    assert_facts(finding.sentence, pictures.picture('bomb'), 'signal 9, SIGKILL', '70 x 50', 'memory')
    assert report.parts[0].counts.tolist() == [[3], [3]]


def test_exif_tag_that_turns_a_picture_is_followed_as_in_training(voc, checked, found_in):
    exif = Image.Exif()
    exif[0x0112] = 6
    voc.add('a', ('cell', 11, 11, 31, 71), exif=exif)  # 80 x 60, turned 60 x 80
    report = checked('mmdet', train=dataset(voc, pipeline=[dict(type='mmmux.LoadImageOrSkip')]))
    assert found_in(report) == [] and report.parts[0].boxes[0, 0] == pytest.approx((20 * 60) ** 0.5)


def test_ignored_classes_are_no_finding(pictures, checked, found_in):
    pictures.add('eeeee', ('dust', 1, 1, 20, 20), ('cell', 5, 5, 25, 25))
    assert found_in(checked('mmdet', train=dataset(pictures))) == [('unknown classes', 'train', 'eeeee')]
    assert found_in(checked('mmdet', train=dataset(pictures, ignored_classes=['dust']))) == []


def test_all_unknown_classes_are_found(pictures, checked):
    pictures.add('eeeee', *[('dust', 1, 1, 20, 20)] * 3, ('hair', 5, 5, 25, 25))
    pictures.add('ffffff', ('dust', 1, 1, 20, 20))
    sentences = [finding.sentence for finding in checked('mmdet', train=dataset(pictures)).findings]
    assert_facts(sentences[0], "'dust'", '4 boxes', '2 pictures', '(eeeee, ffffff)')
    assert_facts(sentences[1], "'hair'", '1 boxes', '1 pictures', '(eeeee)')


@pytest.mark.slow
def test_foreign_set_gets_its_pictures_decoded_and_compared(pictures, checked, found_in):
    for name in ('a', 'bb', 'ccc', 'dddd'):  # mmdet's reader takes the size from the annotation
        text = pictures.annotation(name).read_text()
        size = '<size><width>80</width><height>60</height></size>'
        pictures.annotation(name).write_text(text.replace('<annotation>', f'<annotation>{size}'))
    shutil.copy(pictures.picture('a'), pictures.picture('dddd'))
    image = pictures.picture('bb').read_bytes()
    pictures.picture('bb').write_bytes(image[:len(image) // 2])
    report = checked('mmdet', train=dataset(pictures, type='mmdet.VOCDataset'),
                     test=dataset(pictures, 'test', type='mmdet.VOCDataset'))
    assert found_in(report) == [('unreadable pictures', 'train', 'VOC2007/JPEGImages/bb.jpg'),
                            ('duplicates across sets', 'train', 'VOC2007/JPEGImages/a.jpg')]
    assert_facts(report.parts[0].notes[0], 'VOCDataset', 'not checked')
    assert report.parts[0].counts.tolist() == [[2], [2]]


def test_foreign_set_that_cannot_list_its_pictures(pictures, checked, found_in):
    pictures.annotation('bb').unlink()
    report = checked('mmdet', train=dataset(pictures, type='mmdet.VOCDataset'), test=dataset(pictures, 'test'))
    assert found_in(report) == [] and [part.part.title for part in report.parts] == ['test']
    (sentence, ) = report.unchecked
    assert_facts(sentence, 'train', 'train_dataloader.dataset', 'VOCDataset', 'FileNotFoundError', 'bb.xml')


def test_no_set_at_all(checked):
    with raises(ConfigError, 'train_dataloader, val_dataloader, test_dataloader'):
        checked('mmdet')
