"""Annotations made to expand, to nest, to reach other files or to mislead are told in a sentence."""
import copy
import json

import pytest
from hostile_readers import COCO, READERS, VOC
from limited_process import limited, outcome
from reliability_record import record


def voc(name: str = 'cell', xmin: str = '5', head: str = '', encoding: str = 'utf-8', difficult: str = '0') -> bytes:
    text = head + VOC.replace('<name>cell<', f'<name>{name}<', 1).replace('<xmin>5<', f'<xmin>{xmin}<', 1)
    return text.replace('<difficult>0<', f'<difficult>{difficult}<').encode(encoding)


def nested(element: str, times: int) -> bytes:
    return f'<{element}>'.encode() * times + f'</{element}>'.encode() * times


LAUGHS = '<!DOCTYPE a [<!ENTITY l0 "ha">' + ''.join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12)) + ']>'
QUADRATIC = '<!DOCTYPE a [<!ENTITY q "' + 'a' * 10**5 + '">]>'
TOLD, READ = 'a.xml: annotation cannot be read', 'a value'

XML = {
    'entities that expand to terabytes': (lambda: voc('&l11;', head=LAUGHS), TOLD),
    'a long entity many times': (lambda: voc('&q;' * 10**5, head=QUADRATIC), TOLD),
    'an entity that is another file': (lambda: voc('&x;', head='<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), TOLD),
    'a definition in another file': (lambda: voc(head='<!DOCTYPE a SYSTEM "file:///dev/zero">'), TOLD),
    'the same in UTF-16': (lambda: voc('&l11;', head=LAUGHS, encoding='utf-16'), TOLD),
    '300000 elements deep': (lambda: nested('a', 300000), READ),
    '100000 objects deep': (lambda: nested('object', 100000), TOLD),
    'a long word': (lambda: b'<a>' + b'b' * 4 * 10**6 + b'</a>', READ),
    'more than four megabytes': (lambda: b'<a>' + b'b' * 5 * 10**6 + b'</a>', 'more than 4194304 bytes'),
    '100000 attributes': (lambda: b'<a ' + b' '.join(b'a%d=""' % number for number in range(10**5)) + b'/>', READ),
    'NaN': (lambda: voc(xmin='nan'), TOLD),
    'infinity': (lambda: voc(xmin='1e999'), TOLD),
    'a negative corner': (lambda: voc(xmin='-5'), READ),
    'a word for a number': (lambda: voc(xmin='five'), TOLD),
    'a million digits': (lambda: voc(xmin='9' * 10**6), TOLD),
    'a whole number of 100000 digits': (lambda: voc(difficult='9' * 10**5), TOLD),
    'no size': (lambda: voc().replace(b'<size><width>80</width><height>60</height><depth>3</depth></size>', b''), READ),
    'no corners': (lambda: voc().replace(b'bndbox', b'box'), TOLD),
    'UTF-16': (lambda: voc(encoding='utf-16'), READ),
    'Latin-1, declared': (lambda: voc('caf\xe9', head='<?xml version="1.0" encoding="latin-1"?>', encoding='latin-1'), READ),
    'Latin-1, not declared': (lambda: voc('caf\xe9', encoding='latin-1'), TOLD),
    'an encoding that there is not': (lambda: voc(head='<?xml version="1.0" encoding="klingon"?>'), TOLD),
    'an encoding of many bytes': (lambda: voc(head='<?xml version="1.0" encoding="utf-7"?>'), TOLD),
    'nothing': (lambda: b'', TOLD),
    'zeros': (lambda: bytes(1000), TOLD),
}


@pytest.mark.parametrize('case', XML)
def test_voc(case, tmp_path):
    make, words = XML[case]
    (tmp_path / 'a.xml').write_bytes(make())
    assert words.removeprefix('a.xml: ') in limited(outcome, READERS['VOC annotations'].read, tmp_path / 'a.xml')
    record('hostile input', f'VOC annotation: {case}', tried=1, lost=0, of='files')


LISTS = {
    'Latin-1': ('a\ncaf\xe9\n'.encode('latin-1'), 'is not a text file in UTF-8'),
    'UTF-16': ('a\n'.encode('utf-16'), 'is not a text file in UTF-8'),
    'a byte order mark': ('a\n'.encode('utf-8-sig'), 'a value'),
    'a zero byte': (b'a\0b\n', r"lists 'a\x00b'"),
    'a colour code of terminals': (b'\x1b[31ma\n', r"lists '\x1b[31ma'"),
    'the folder above': (b'../../a\n', "lists '../../a'"),
    'the root': (b'/etc/passwd\n', "lists '/etc/passwd'"),
    'a long name': (b'a' * 10**6, 'which is no name of a picture'),
    'nothing': (b'', 'the list is empty'),
    'a folder': (b'.\n', 'no picture that can be used'),
}


@pytest.mark.parametrize('case', LISTS)
def test_voc_lists(case, tmp_path):
    data, words = LISTS[case]
    (tmp_path / 'split.txt').write_bytes(data)
    assert words in limited(outcome, READERS['VOC lists'].read, tmp_path / 'split.txt')
    record('hostile input', f'VOC list: {case}', tried=1, lost=0, of='files')


def coco(part: str, key: str, *value) -> bytes:
    """The annotations with another value, or without one, in the first entry of a part."""
    changed = copy.deepcopy(COCO)
    if value:
        changed[part][0][key] = value[0]
    else:
        del changed[part][0][key]
    return json.dumps(changed).encode()


BOX, SIDES = 'bbox must be four numbers', 'width and height must be 1 to'
JSON = {
    'NaN': (lambda: coco('annotations', 'bbox', [5, float('nan'), 1, 1]), BOX),
    'infinity': (lambda: coco('annotations', 'bbox', [5, 5, float('inf'), 1]), BOX),
    'a negative size': (lambda: coco('annotations', 'bbox', [5, 5, -3, -3]), READ),
    'words for numbers': (lambda: coco('annotations', 'bbox', ['5', '6', '7', '8']), BOX),
    'three numbers': (lambda: coco('annotations', 'bbox', [5, 6, 7]), BOX),
    'a number of 400 digits': (lambda: coco('annotations', 'bbox', [5, 6, 10**400, 8]), 'not a COCO annotation file'),
    'no box': (lambda: coco('annotations', 'bbox'), "KeyError: 'bbox'"),
    'an annotation without id': (lambda: coco('annotations', 'id'), "KeyError: 'id'"),
    'an annotation of no picture': (lambda: coco('annotations', 'image_id', 99), READ),
    'an annotation of no category': (lambda: coco('annotations', 'category_id', 99), 'annotations of category 99'),
    'ids that are lists': (lambda: coco('annotations', 'image_id', [10]), 'must be numbers'),
    'a width of 1e30': (lambda: coco('images', 'width', 1e30), SIDES),
    'a negative width': (lambda: coco('images', 'width', -80), SIDES),
    'a word for a width': (lambda: coco('images', 'width', '80'), SIDES),
    'no width': (lambda: coco('images', 'width'), "KeyError: 'width'"),
    'a number for a name': (lambda: coco('images', 'file_name', 5), 'file_name the name of a file'),
    'a zero byte in a name': (lambda: coco('images', 'file_name', 'a\0b.jpg'), 'file_name the name of a file'),
    'half a character': (lambda: coco('images', 'file_name', '\ud800.jpg'), 'file_name the name of a file'),
    '100000 lists deep': (lambda: b'[' * 10**5, 'RecursionError'),
    '100000 objects deep': (lambda: b'{"a":' * 10**5, 'RecursionError'),
    '100000 ids of one hash': (lambda: json.dumps(dict(COCO, images=[
        dict(COCO['images'][0], id=(2**61 - 1) * number) for number in range(10**5)])).encode(), 'id must be a number'),
    'a list': (lambda: b'[]', 'not a COCO annotation file'),
    'a number': (lambda: b'5', 'not a COCO annotation file'),
    'nothing': (lambda: b'', 'JSONDecodeError'),
    'UTF-16': (lambda: json.dumps(COCO).encode('utf-16'), 'UnicodeDecodeError'),
    'pictures that are a word': (lambda: json.dumps(dict(COCO, images='abc')).encode(), 'not a COCO annotation file'),
    'annotations that are nothing': (lambda: json.dumps(dict(COCO, annotations=[None])).encode(), 'not a COCO annotation file'),
}


@pytest.mark.parametrize('case', JSON)
def test_coco(case, tmp_path):
    make, words = JSON[case]
    (tmp_path / 'all.json').write_bytes(make())
    assert words in limited(outcome, READERS['COCO annotations'].read, tmp_path / 'all.json')
    record('hostile input', f'COCO file: {case}', tried=1, lost=0, of='files')


def test_annotations_of_pictures_that_are_not_listed_are_counted(tmp_path, log):
    (tmp_path / 'all.json').write_bytes(coco('annotations', 'image_id', 99))
    READERS['COCO annotations'].read(tmp_path / 'all.json')
    assert '1 annotations of pictures that it does not list (99)' in log.messages[0]
