import os

import pytest
from facts import assert_facts, raises
from mmengine.registry import init_default_scope
from nih_files import HEADER, NIHFiles

from mmmux.utils.errors import ConfigError, DatasetError

# The order in which Wang et al. and those who came after them number the findings.
ORDER = ('Atelectasis', 'Cardiomegaly', 'Effusion', 'Infiltration', 'Mass', 'Nodule', 'Pneumonia', 'Pneumothorax',
         'Consolidation', 'Edema', 'Emphysema', 'Fibrosis', 'Pleural_Thickening', 'Hernia')


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def nih(tmp_path):
    """Three pictures of two patients to train and validate on, and one to test on."""
    files = NIHFiles(tmp_path / 'data')
    files.add('train_val', '1', 'Cardiomegaly|Emphysema')
    files.add('train_val', '1', follow_up=1)
    files.add('train_val', '2', 'Hernia')
    files.add('test', '13', 'Effusion|Atelectasis')
    return files


def read(nih: NIHFiles, split: str = 'train_val', **changes):
    """The data set, as a config builds it."""
    from mmpretrain.registry import DATASETS
    return DATASETS.build({'type': 'mmmux.ChestXray14', 'data_root': str(nih.root), 'split': split, 'pipeline': [],
                           'serialize_data': False, **changes})


def labels(dataset) -> dict[str, list[int]]:
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    return {info['img_path'].rpartition('/')[2]: info['gt_label'] for info in infos}



class TestCleanData:

    def test_labels_are_numbers_of_findings_in_the_usual_order(self, nih):
        dataset = read(nih)
        assert dataset.metainfo['classes'] == ORDER
        assert labels(dataset) == {'00000001_000.png': [1, 10], '00000001_001.png': [], '00000002_000.png': [13]}
        assert labels(read(nih, 'test', test_mode=True)) == {'00000013_000.png': [0, 2]}

    def test_pictures_are_in_numbered_folders_in_one_or_in_both(self, nih):
        paths = {info['img_path'] for info in map(read(nih).get_data_info, range(3))}
        assert paths == {str(path) for path in nih.root.glob('images_*/images/*.png') if path.name != '00000013_000.png'}
        (nih.root / 'images').mkdir()
        for path in [*nih.root.glob('images_001/images/*.png')]:
            path.rename(nih.root / 'images' / path.name)
        assert len(read(nih)) == 3 and not len(read(nih).left_out)
        for path in [*nih.root.glob('images_*/images/*.png')]:
            path.rename(nih.root / 'images' / path.name)
        assert {info['img_path'] for info in map(read(nih).get_data_info, range(3))} == {
            str(nih.root / 'images' / name) for name in nih.lists['train_val']}

    def test_pictures_elsewhere(self, nih, tmp_path):
        (nih.root / 'images_001').rename(tmp_path / 'images_001')
        (nih.root / 'images_002').rename(tmp_path / 'images_002')
        assert len(read(nih, data_prefix=str(tmp_path))) == 3

    def test_later_name_and_header_of_the_table(self, nih):
        nih.lines[0] = HEADER.replace('Gender', 'Sex').rstrip(',')
        nih.write()
        nih.table.rename(nih.root / 'Data_Entry_2017_v2020.csv')
        assert labels(read(nih))['00000001_000.png'] == [1, 10]

    def test_table_as_spreadsheets_save_it(self, nih):
        text = nih.table.read_text().replace('00000002_000.png,Hernia', '"00000002_000.png","Hernia"').replace('\n', '\r\n')
        nih.table.write_bytes(b'\xef\xbb\xbf' + text.encode() + b'\r\n\r\n')
        assert len(read(nih)) == 3

    def test_table_of_another_name(self, nih):
        nih.table.rename(nih.root / 'mine.csv')
        assert len(read(nih, ann_file='mine.csv')) == 3

    def test_some_of_the_findings(self, nih):
        dataset = read(nih, metainfo=dict(classes=('Emphysema', 'Cardiomegaly', 'Mass')))
        assert labels(dataset) == {'00000001_000.png': [0, 1], '00000001_001.png': [], '00000002_000.png': []}

    def test_disk_is_not_asked_for_every_picture(self, nih, monkeypatch):
        """Which on a file server would take minutes."""
        for patient in range(20, 120):
            nih.add('train_val', str(patient))
        asked, stat = [], os.stat
        monkeypatch.setattr(os, 'stat', lambda path, **more: (asked.append(path), stat(path, **more))[1])
        assert len(read(nih)) == 103
        assert asked and len(asked) < 20


class TestHeldOutPatients:

    @pytest.fixture
    def many(self, tmp_path):
        files = NIHFiles(tmp_path / 'data', ['images'])
        for patient in range(1, 401):
            for follow_up in range(patient % 3 + 1):
                name = f'{patient:08d}_{follow_up:03d}.png'
                files.lines.append(f'{name},No Finding,{follow_up},{patient},058Y,M,PA,2682,2749,0.143,0.143,')
                files.lists['train_val'].append(name)
                (files.root / 'images' / name).touch()
        files.add('test', '999')
        return files

    @pytest.mark.parametrize('fraction', [0.125, 0.5])
    def test_parts_share_no_patient_and_are_everything(self, many, fraction):
        train, val = (read(many, split, val_fraction=fraction) for split in ('train', 'val'))
        assert sorted([*labels(train), *labels(val)]) == sorted(many.lists['train_val'])
        patients = [{name.partition('_')[0] for name in labels(part)} for part in (train, val)]
        assert not patients[0] & patients[1]
        assert {f'{int(patient):08d}' for patient in val.patients} == patients[1]
        # Binomial: within four standard deviations.
        assert abs(len(val.patients) - 400 * fraction) < 4 * (400 * fraction * (1 - fraction))**0.5

    def test_are_the_same_ones_everywhere(self, many):
        """The split of a patient depends neither on the rest of the list, nor its order, nor the seed of Python's hashes."""
        before = read(many, 'val').patients
        kept = {name for name in many.lists['train_val'] if int(name.partition('_')[0]) % 2}
        many.lists['train_val'] = [name for name in reversed(many.lists['train_val']) if name in kept]
        many.write()
        assert read(many, 'val').patients == {patient for patient in before if int(patient) % 2}
        # `printf 1 | sha256sum` begins with 6b86b273, which is 0.42 of the range, and that of 2 with d4735e3a, 0.83.
        assert {'1', '2'} & read(many, 'val', val_fraction=0.43).patients == {'1'}
        assert '1' not in read(many, 'val', val_fraction=0.41).patients

    def test_a_larger_share_holds_the_smaller(self, many):
        assert read(many, 'val', val_fraction=0.1).patients < read(many, 'val', val_fraction=0.2).patients

    def test_no_share(self, many):
        assert labels(read(many, 'train', val_fraction=0)) == labels(read(many))
        with raises(ConfigError, 'val_fraction=0', many.list_of('train_val'), "split='val'"):
            read(many, 'val', val_fraction=0)


class TestMissingPictures:

    def test_training_leaves_them_out_and_says_so_once(self, nih, log):
        for name in ('00000001_000.png', '00000002_000.png'):
            next(nih.root.glob(f'images_*/images/{name}')).unlink()
        dataset = read(nih)
        assert list(labels(dataset)) == ['00000001_001.png'] and dataset.patients == {'1'}
        (message, ) = log.messages
        assert_facts(message, nih.list_of('train_val'), '2 pictures', '(00000001_000.png, 00000002_000.png)')

    @pytest.mark.parametrize('split', ['train_val', 'test'])
    def test_testing_refuses_them(self, nih, split):
        name = nih.lists[split][0]
        next(nih.root.glob(f'images_*/images/{name}')).unlink()
        with raises(DatasetError, nih.list_of(split), '1 pictures', f'({name})', 'score'):
            read(nih, split, test_mode=True)

    def test_nothing_else_is_refused(self, nih):
        for path in nih.root.glob('images_*/images/*.png'):
            path.unlink()
        with raises(DatasetError, nih.list_of('train_val'), '3 pictures', '00000002_000.png'):
            read(nih)

    def test_no_folder_of_pictures(self, nih):
        for folder in ('images_001', 'images_002'):
            (nih.root / folder).rename(nih.root / f'other_{folder}')
        with raises(DatasetError, nih.root, 'images', 'images_001/images', 'data_root'):
            read(nih)


def line(text: str):
    """Replace the first row of the table."""
    return lambda nih: nih.table.write_text('\n'.join([HEADER, text, *nih.lines[2:]]) + '\n')


def row(name='00000001_000.png', labels='Mass', patient='1'):
    return line(f'{name},{labels},0,{patient},058Y,M,PA,2682,2749,0.143,0.143,')


TABLES = {
    'missing': (lambda nih: nih.table.unlink(), ('exist', 'Data_Entry_2017_v2020.csv', 'data_root', 'ann_file')),
    'without bytes': (lambda nih: nih.table.write_text(''), ("'Image Index'", 'empty')),
    'without rows': (lambda nih: nih.table.write_text(HEADER + '\n'), ('no rows', )),
    'without a column': (lambda nih: nih.table.write_text(nih.table.read_text().replace('Patient ID', 'Who')),
                         ("'Patient ID'", 'Image Index, Finding Labels, Follow-up #, Who')),
    'without a header': (lambda nih: nih.table.write_text('\n'.join(nih.lines[1:])), ("'Image Index'", '00000001_000.png')),
    'not text': (lambda nih: nih.table.write_bytes(b'\xff\xfe\x00PNG'), ('CSV', 'UTF-8')),
    'unknown finding': (row(labels='Mass|Cough'), ('line 2', '00000001_000.png', "'Cough'", ', '.join(ORDER), 'No Finding')),
    'no labels at all': (row(labels=''), ('line 2', '00000001_000.png', "''", ', '.join(ORDER), 'No Finding')),
    'contradiction': (row(labels='No Finding|Mass'), ('line 2', '00000001_000.png', "'No Finding|Mass'")),
    'row cut short': (line('00000001_000.png,Mass'), ('line 2', '2 columns', 4)),
    'no patient': (row(patient=''), ('line 2', 'Patient ID')),
    'a picture twice': (lambda nih: nih.table.write_text('\n'.join([*nih.lines, nih.lines[1]])),
                        ('line 6', '00000001_000.png')),
    'a listed picture missing': (row(name='00000003_000.png'), ('train_val_list.txt', '00000001_000.png')),
}


@pytest.mark.parametrize('split', ['train', 'val', 'train_val', 'test'])
@pytest.mark.parametrize('spoil,facts', TABLES.values(), ids=TABLES)
def test_bad_tables_get_a_sentence(nih, spoil, facts, split):
    spoil(nih)
    with raises(DatasetError, nih.root / 'Data_Entry_2017.csv', *facts):
        read(nih, split, val_fraction=0.5)


LISTS = {
    'missing': (lambda nih: nih.list_of('test').unlink(), ('exist', 'data_root')),
    'empty': (lambda nih: nih.list_of('test').write_text('\n'), ('no pictures', )),
    'not text': (lambda nih: nih.list_of('test').write_bytes(b'\xff\xfe\x00PNG'), ('UTF-8', )),
    'a picture twice': (lambda nih: nih.list_of('test').write_text('00000013_000.png\n' * 2), ('00000013_000.png', 'twice')),
    'a picture in both': (lambda nih: nih.list_of('test').write_text('00000002_000.png'),
                          ('patient 2', 'train_val_list.txt (00000002_000.png)', 'test_list.txt (00000002_000.png)')),
    'a patient in both': (lambda nih: nih.add('test', '1', follow_up=2),
                          ('patient 1', 'train_val_list.txt (00000001_000.png)', 'test_list.txt (00000001_002.png)')),
}


@pytest.mark.parametrize('split', ['train', 'val', 'train_val', 'test'])
@pytest.mark.parametrize('spoil,facts', LISTS.values(), ids=LISTS)
def test_bad_lists_get_a_sentence(nih, spoil, facts, split):
    spoil(nih)
    with raises(DatasetError, nih.list_of('test'), *facts):
        read(nih, split, val_fraction=0.5)


@pytest.mark.parametrize('changes,facts', [
    (dict(split='training'), ('split', 'train, val, train_val, test', "'training'")),
    (dict(val_fraction=1), ('val_fraction', '0 to below 1', 'got 1')),
    (dict(val_fraction='0.1'), ('val_fraction', '0 to below 1', "'0.1'")),
    (dict(metainfo=dict(classes=('Mass', 'Cough'))), ('metainfo.classes', "('Mass', 'Cough')", ', '.join(ORDER))),
    (dict(metainfo=dict(classes=('Mass', 'Mass'))), ('metainfo.classes', "('Mass', 'Mass')", 'once')),
    (dict(metainfo=dict(classes=())), ('metainfo.classes', '()', ', '.join(ORDER))),
    (dict(metainfo=dict(classes='Mass')), ('metainfo.classes', "'Mass'", ', '.join(ORDER))),
], ids=str)
def test_bad_arguments_get_a_sentence(nih, changes, facts):
    with raises(ConfigError, 'mmmux.ChestXray14', *facts):
        read(nih, **changes)
