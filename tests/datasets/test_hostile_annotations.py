"""Annotations made to expand, to nest, to reach other files or to mislead are refused with a sentence."""
import copy
import json

import pytest
from facts import assert_facts
from hostile_readers import COCO, READERS, VOC
from limited_process import limited, outcome
from reliability_record import record


def voc(name: str = 'cell', xmin: str = '5', head: str = '', encoding: str = 'utf-8', difficult: str = '0') -> bytes:
    text = head + VOC.replace('<name>cell<', f'<name>{name}<', 1).replace('<xmin>5<', f'<xmin>{xmin}<', 1)
    return text.replace('<difficult>0<', f'<difficult>{difficult}<').encode(encoding)


def check(found: str, expected: str | tuple[str, ...]) -> None:
    if expected == READ:
        assert found == READ
    else:
        assert_facts(found, *expected)


def nested(element: str, times: int) -> bytes:
    return f'<{element}>'.encode() * times + f'</{element}>'.encode() * times


LAUGHS = '<!DOCTYPE a [<!ENTITY l0 "ha">' + ''.join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12)) + ']>'
QUADRATIC = '<!DOCTYPE a [<!ENTITY q "' + 'a' * 10**5 + '">]>'
BAD, READ = ('annotation', ), 'a value'  # the facts of the message, or the outcome of reading a good file

XML = {
    'entities that expand to terabytes': (lambda: voc('&l11;', head=LAUGHS), BAD),
    'a long entity many times': (lambda: voc('&q;' * 10**5, head=QUADRATIC), BAD),
    'an entity that is another file': (lambda: voc('&x;', head='<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), BAD),
    'a definition in another file': (lambda: voc(head='<!DOCTYPE a SYSTEM "file:///dev/zero">'), BAD),
    'the same in UTF-16': (lambda: voc('&l11;', head=LAUGHS, encoding='utf-16'), BAD),
    '300000 elements deep': (lambda: nested('a', 300000), READ),
    '100000 objects deep': (lambda: nested('object', 100000), BAD),
    'a long word': (lambda: b'<a>' + b'b' * 4 * 10**6 + b'</a>', READ),
    'more than four megabytes': (lambda: b'<a>' + b'b' * 5 * 10**6 + b'</a>', ('annotation', '4194304 bytes')),
    '100000 attributes': (lambda: b'<a ' + b' '.join(b'a%d=""' % number for number in range(10**5)) + b'/>', READ),
    'NaN': (lambda: voc(xmin='nan'), BAD),
    'infinity': (lambda: voc(xmin='1e999'), BAD),
    'a negative corner': (lambda: voc(xmin='-5'), READ),
    'a word for a number': (lambda: voc(xmin='five'), BAD),
    'a million digits': (lambda: voc(xmin='9' * 10**6), BAD),
    'a whole number of 100000 digits': (lambda: voc(difficult='9' * 10**5), BAD),
    'no size': (lambda: voc().replace(b'<size><width>80</width><height>60</height><depth>3</depth></size>', b''), READ),
    'no corners': (lambda: voc().replace(b'bndbox', b'box'), BAD),
    'UTF-16': (lambda: voc(encoding='utf-16'), READ),
    'Latin-1, declared': (lambda: voc('caf\xe9', head='<?xml version="1.0" encoding="latin-1"?>', encoding='latin-1'), READ),
    'Latin-1, not declared': (lambda: voc('caf\xe9', encoding='latin-1'), BAD),
    'an encoding that there is not': (lambda: voc(head='<?xml version="1.0" encoding="klingon"?>'), BAD),
    'an encoding of many bytes': (lambda: voc(head='<?xml version="1.0" encoding="utf-7"?>'), BAD),
    'nothing': (lambda: b'', BAD),
    'zeros': (lambda: bytes(1000), BAD),
}


@pytest.mark.parametrize('case', XML)
def test_voc(case, tmp_path):
    make, expected = XML[case]
    (tmp_path / 'a.xml').write_bytes(make())
    check(limited(outcome, READERS['VOC annotations'].read, tmp_path / 'a.xml'), expected)
    record('hostile input', f'VOC annotation: {case}', tried=1, lost=0, of='files')


LISTS = {
    'Latin-1': ('a\ncaf\xe9\n'.encode('latin-1'), ('UTF-8', )),
    'UTF-16': ('a\n'.encode('utf-16'), ('UTF-8', )),
    'a byte order mark': ('a\n'.encode('utf-8-sig'), READ),
    'a zero byte': (b'a\0b\n', (r"'a\x00b'", )),
    'a colour code of terminals': (b'\x1b[31ma\n', (r"'\x1b[31ma'", )),
    'the folder above': (b'../../a\n', ("'../../a'", )),
    'the root': (b'/etc/passwd\n', ("'/etc/passwd'", )),
    'a long name': (b'a' * 10**6, (f"'{'a' * 200}...'", )),
    'nothing': (b'', ('empty', )),
    'a folder': (b'.\n', ('1 picture', 'missing', '(.)')),
}


@pytest.mark.parametrize('case', LISTS)
def test_voc_lists(case, tmp_path):
    data, expected = LISTS[case]
    (tmp_path / 'split.txt').write_bytes(data)
    check(limited(outcome, READERS['VOC lists'].read, tmp_path / 'split.txt'), expected)
    record('hostile input', f'VOC list: {case}', tried=1, lost=0, of='files')


def coco(part: str, key: str, *value) -> bytes:
    """The annotations with another value, or without one, in the first entry of a part."""
    changed = copy.deepcopy(COCO)
    if value:
        changed[part][0][key] = value[0]
    else:
        del changed[part][0][key]
    return json.dumps(changed).encode()


BOX, SIDES, NAME = ('bbox', 'four numbers'), ('width', 'height', f'1 to {2**20} pixels'), ('file_name', 'name of a file')
FORMAT = ('COCO', )
JSON = {
    'NaN': (lambda: coco('annotations', 'bbox', [5, float('nan'), 1, 1]), BOX),
    'infinity': (lambda: coco('annotations', 'bbox', [5, 5, float('inf'), 1]), BOX),
    'a negative size': (lambda: coco('annotations', 'bbox', [5, 5, -3, -3]), READ),
    'words for numbers': (lambda: coco('annotations', 'bbox', ['5', '6', '7', '8']), BOX),
    'three numbers': (lambda: coco('annotations', 'bbox', [5, 6, 7]), BOX),
    'a number of 400 digits': (lambda: coco('annotations', 'bbox', [5, 6, 10**400, 8]), FORMAT),
    'no box': (lambda: coco('annotations', 'bbox'), ("KeyError: 'bbox'", )),
    'an annotation without id': (lambda: coco('annotations', 'id'), READ),
    'an annotation without iscrowd': (lambda: coco('annotations', 'iscrowd'), READ),
    'an annotation without area': (lambda: coco('annotations', 'area'), READ),
    'an area that is nothing': (lambda: coco('annotations', 'area', None), READ),
    'an area that is a word': (lambda: coco('annotations', 'area', 'large'), ('area', "'large'")),
    'an annotation of no picture': (lambda: coco('annotations', 'image_id', 99), READ),
    'an annotation of no category': (lambda: coco('annotations', 'category_id', 99), ('category 99', )),
    'ids that are lists': (lambda: coco('annotations', 'image_id', [10]), ('image_id', '[10]')),
    'a width of 1e30': (lambda: coco('images', 'width', 1e30), SIDES),
    'a negative width': (lambda: coco('images', 'width', -80), SIDES),
    'a word for a width': (lambda: coco('images', 'width', '80'), SIDES),
    'no width': (lambda: coco('images', 'width'), ("KeyError: 'width'", )),
    'a number for a name': (lambda: coco('images', 'file_name', 5), NAME),
    'a zero byte in a name': (lambda: coco('images', 'file_name', 'a\0b.jpg'), NAME),
    'half a character': (lambda: coco('images', 'file_name', '\ud800.jpg'), NAME),
    '100000 lists deep': (lambda: b'[' * 10**5, ('RecursionError', )),
    '100000 objects deep': (lambda: b'{"a":' * 10**5, ('RecursionError', )),
    '100000 ids of one hash': (lambda: json.dumps(dict(COCO, images=[
        dict(COCO['images'][0], id=(2**61 - 1) * number) for number in range(10**5)])).encode(), (f"'id': {2**61 - 1}", )),
    'a list': (lambda: b'[]', FORMAT),
    'a number': (lambda: b'5', FORMAT),
    'nothing': (lambda: b'', ('JSONDecodeError', )),
    'UTF-16': (lambda: json.dumps(COCO).encode('utf-16'), ('UnicodeDecodeError', )),
    'pictures that are a word': (lambda: json.dumps(dict(COCO, images='abc')).encode(), FORMAT),
    'annotations that are nothing': (lambda: json.dumps(dict(COCO, annotations=[None])).encode(), FORMAT),
}


@pytest.mark.parametrize('case', JSON)
def test_coco(case, tmp_path):
    make, expected = JSON[case]
    (tmp_path / 'all.json').write_bytes(make())
    check(limited(outcome, READERS['COCO annotations'].read, tmp_path / 'all.json'), expected)
    record('hostile input', f'COCO file: {case}', tried=1, lost=0, of='files')


def test_annotations_of_pictures_that_are_not_listed_are_counted(tmp_path, log):
    (tmp_path / 'all.json').write_bytes(coco('annotations', 'image_id', 99))
    READERS['COCO annotations'].read(tmp_path / 'all.json')
    assert_facts(log.messages[0], '1 annotations', '(99)')
