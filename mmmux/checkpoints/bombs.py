"""Checkpoints that run nothing and yet end a machine, found by looking at a file without building what it asks for.

A small file can unpack to terabytes, or to a value whose hash takes years: a tuple of a tuple twice, of another one twice, and
so on. A tensor can claim more numbers than its part of the file holds, and torch 2.1 then hands out the memory behind them.
:func:`torch.save` writes none of this.
"""
import os
import pickletools
import zipfile
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from mmmux.utils.errors import CheckpointError, in_a_line

MOST_VALUES = 10_000_000  # of one value with all inside it, what is shared being counted each time
DEEPEST = 200  # containers inside each other: Python hashes and compares them on the C stack
MOST_LARGE_NUMBERS = 1000  # of 61 bits and more: any number of those can have the same hash
_LARGE = 2**61 - 1
_ZIP_START = b'PK\3\4'
_LEGACY_PICKLES = 5  # magic number, protocol, the machine, the checkpoint, the keys of its storages
_NUMBER_BYTES = {  # of the classes that torch.save names; an untyped one counts bytes
    'ComplexDouble': 16, 'ComplexFloat': 8, 'Double': 8, 'Long': 8, 'Float': 4, 'Int': 4, 'QInt32': 4, 'Half': 2, 'BFloat16': 2,
    'Short': 2, 'Char': 1, 'Byte': 1, 'Bool': 1, 'QInt8': 1, 'QUInt8': 1, 'QUInt4x2': 1,
    'QUInt2x4': 1, 'Untyped': 1}
_CALLS = ('REDUCE', 'NEWOBJ', 'NEWOBJ_EX', 'OBJ', 'INST')


def check_archive(file: BinaryIO) -> None:
    """Look through a checkpoint, a zip archive or a row of pickles, and leave the file where it was.

    Raises:
        CheckpointError: it is not as torch writes it; the message has the form 'is compressed'.
        Exception: it is damaged.
    """
    start = file.tell()
    if file.read(len(_ZIP_START)) == _ZIP_START:
        for code, parts in _pickles_of(file):
            check_pickle(code, parts)
    else:
        file.seek(start)
        for _ in range(_LEGACY_PICKLES):
            check_pickle(file)
    file.seek(start)


def _pickles_of(file: BinaryIO) -> Iterable[tuple[bytes, dict[str, int]]]:
    """Each pickle of an archive, and the bytes of each of its parts `data/<name>`."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = {member.filename.lower() for member in members}  # torch looks for names in any case
        if any(name.endswith('/constants.pkl') for name in names):
            raise CheckpointError('is a TorchScript program and not weights: have its state_dict saved')
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise CheckpointError('is compressed, and could unpack to any size: torch.save writes archives without compression')
        size = file.seek(0, os.SEEK_END)
        claimed = sum(member.file_size for member in members)
        if claimed > size or len(names) < len(members):
            raise CheckpointError(f'has parts of {claimed} bytes with {len(names)} names in {len(members)} places of a file of '
                                  f'{size} bytes: it is damaged or made to unpack to any size')
        folder = f"{members[0].filename.partition('/')[0]}/data/"  # the first member's, as torch reads it
        parts = {member.filename.removeprefix(folder): member.file_size for member in members
                 if member.filename.startswith(folder)}
        for member in members:
            if member.filename.lower().endswith('.pkl'):
                yield archive.read(member), parts


class _Made:
    """What a pickle makes: a container, a class, or the result of a call, with what is inside."""
    __slots__ = ('depth', 'inside', 'name', 'values')

    def __init__(self, inside: Iterable = (), name: str = ''):
        self.inside, self.name = list(inside), name
        self.values = self.depth = 0  # 0: not counted yet


_MARK = object()


def check_pickle(code: bytes | BinaryIO, parts: Mapping[str, int] | None = None) -> None:
    """Follow a pickle's instructions with names in place of values.

    Args:
        code: the pickle, or a file at its start.
        parts: for a pickle in an archive, the bytes of each part that holds a tensor's numbers.

    Raises:
        CheckpointError: a value is too deep or, written out, too large; a class is changed; or a tensor claims more numbers
            than its part holds.
        Exception: the pickle is damaged.
    """
    stack, memo, made, large = [], {}, [], 0
    for opcode, argument, _ in pickletools.genops(code):
        name = opcode.name
        large += isinstance(argument, int) and abs(argument) >= _LARGE
        if name == 'MARK':
            stack.append(_MARK)
        elif name in ('GET', 'BINGET', 'LONG_BINGET'):
            stack.append(memo[argument])
        elif name in ('PUT', 'BINPUT', 'LONG_BINPUT'):
            memo[argument] = stack[-1]
        elif name == 'MEMOIZE':
            memo[len(memo)] = stack[-1]
        elif name == 'DUP':
            stack.append(stack[-1])
        elif opcode.stack_before:
            taken = _take(stack, opcode)
            if name in ('APPEND', 'APPENDS', 'SETITEM', 'SETITEMS', 'ADDITEMS', 'BUILD'):  # what they add to stays
                _add(taken[0], taken[1:], name)
                stack.append(taken[0])
            elif name not in ('POP', 'POP_MARK', 'STOP'):
                made.append(_Made(taken, name='.'.join(map(str, taken)) if name == 'STACK_GLOBAL' else ''))
                stack.append(made[-1])
            if name == 'BINPERSID' and parts is not None:
                _check_numbers(taken[0], parts)
            if name in _CALLS:
                _check_call(argument if name == 'INST' else taken[0], taken[name != 'INST':])
        elif opcode.stack_after:
            if name == 'GLOBAL':
                stack.append(_Made(name=argument.replace(' ', '.')))
            elif argument is None or not opcode.arg:  # an empty container or a constant
                made.append(_Made())
                stack.append(made[-1])
            else:
                stack.append(argument)
    if large > MOST_LARGE_NUMBERS:
        raise CheckpointError(f'holds {large} numbers of 61 bits and more, which could all have the same hash, and '
                              f'{MOST_LARGE_NUMBERS} are allowed: it is made to take for ever')
    for value in made:
        if not value.depth:
            _measure(value)


def _take(stack: list, opcode) -> list:
    """Take from the stack what an instruction does, all above the last mark and that below it where it says so."""
    if pickletools.markobject not in opcode.stack_before:
        count = len(opcode.stack_before)
        taken = stack[-count:]
        if len(taken) < count or _MARK in taken:
            raise ValueError(f'{opcode.name} finds too little')
        del stack[-count:]
        return taken
    below = opcode.stack_before.index(pickletools.markobject)
    place = len(stack) - 1 - stack[::-1].index(_MARK)
    if place < below:
        raise ValueError(f'{opcode.name} finds too little')
    taken = stack[place - below:place] + stack[place + 1:]
    del stack[place - below:]
    return taken


def _add(container, added: list, name: str) -> None:
    if not isinstance(container, _Made) or container.name:
        changed = in_a_line(getattr(container, 'name', 'a plain value'))
        raise CheckpointError(f'changes {changed} and not only what it holds itself '
                              f'({name}), which could run code and was not run')
    container.inside += added


def _check_call(called, arguments: list) -> None:
    name = called.name if isinstance(called, _Made) else str(called).replace(' ', '.')
    given = arguments[0].inside if len(arguments) == 1 and isinstance(arguments[0], _Made) else arguments
    if name.endswith('.bytearray') and given and not _is_text(given[0]):  # but the number of zeros to make
        raise CheckpointError('asks for bytes that it does not hold: it is made to fill the memory')


def _check_numbers(named, parts: Mapping[str, int]) -> None:
    # ('storage', class, part, device, count), as torch.save names the numbers of a tensor.
    values = named.inside if isinstance(named, _Made) else []
    if len(values) != 5 or not isinstance(values[2], str) or not isinstance(values[4], int):
        raise CheckpointError('names the numbers of a tensor in another way than torch.save does: it is damaged')
    kind = getattr(values[1], 'name', '').rpartition('.')[2].removesuffix('Storage')
    claimed = values[4] * _NUMBER_BYTES.get(kind, max(_NUMBER_BYTES.values()))
    held = parts.get(values[2], 0)
    if claimed > held:
        raise CheckpointError(f"has a tensor of {claimed} bytes and {held} bytes for it (part '{in_a_line(values[2])}'): it is "
                              'damaged or made to read memory that is not its own')


def _is_text(value) -> bool:
    # Protocol 2 writes bytes as a call that encodes a text.
    encoded = isinstance(value, _Made) and value.inside and getattr(value.inside[0], 'name', '') == '_codecs.encode'
    return isinstance(value, (str, bytes)) or encoded


def _measure(value: _Made) -> None:
    """Count the values inside each other and the depth, without Python's own recursion."""
    path, open_values = [value], set()
    while path:
        value = path[-1]
        waiting = [inner for inner in value.inside if isinstance(inner, _Made) and not inner.depth]
        if waiting and id(value) not in open_values:
            open_values.add(id(value))
            if any(id(inner) in open_values for inner in waiting):
                raise CheckpointError('holds a value that is inside itself: it is made to take for ever')
            path += waiting
            continue
        path.pop()
        open_values.discard(id(value))
        if value.depth:
            continue
        parts = [inner for inner in value.inside if isinstance(inner, _Made)]
        value.values = 1 + len(value.inside) - len(parts) + sum(part.values for part in parts)
        value.depth = 1 + max((part.depth for part in parts), default=0)
        if value.values > MOST_VALUES or value.depth > DEEPEST:
            raise CheckpointError(f'holds a value that is more than {MOST_VALUES} values when written out, or more than '
                                  f'{DEEPEST} deep: it is made to take for ever')
