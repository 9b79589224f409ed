"""Refuse checkpoints that would exhaust memory or time when loaded, by reading their pickles without building any value.

A small file can unpack to terabytes, or to a value whose hash takes years to compute (a tuple that holds another tuple twice,
which holds another tuple twice, and so on). A tensor can claim more numbers than its part of the file holds; torch 2.1 then
exposes the memory behind that part. :func:`torch.save` writes no such file.
"""
import os
import pickletools
import zipfile
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from mmmux.utils.errors import CheckpointError, in_a_line

MOST_VALUES = 10_000_000  # values inside one value; a shared value counts once per reference
DEEPEST = 200  # nested containers; Python hashes and compares nested containers recursively on the C stack
MOST_LARGE_NUMBERS = 1000  # integers of 61 bits and more; any number of different ones can have the same hash
_LARGE = 2**61 - 1
_ZIP_START = b'PK\3\4'
_LEGACY_PICKLES = 5  # magic number, protocol, machine, checkpoint, keys of the storages
_NUMBER_BYTES = {  # bytes per number of each storage class that torch.save names
    'ComplexDouble': 16, 'ComplexFloat': 8, 'Double': 8, 'Long': 8, 'Float': 4, 'Int': 4, 'QInt32': 4, 'Half': 2, 'BFloat16': 2,
    'Short': 2, 'Char': 1, 'Byte': 1, 'Bool': 1, 'QInt8': 1, 'QUInt8': 1, 'QUInt4x2': 1,
    'QUInt2x4': 1, 'Untyped': 1}
_CALLS = ('REDUCE', 'NEWOBJ', 'NEWOBJ_EX', 'OBJ', 'INST')


def check_archive(file: BinaryIO) -> None:
    """Check every pickle of a checkpoint file and restore the position in the file.

    Args:
        file (BinaryIO): The open checkpoint: a zip archive, or the sequence of pickles that torch wrote before version 1.6.

    Raises:
        CheckpointError: The file differs from the files that torch writes. The message is a predicate without a subject, such
            as 'has the compressed part ...'; the caller prepends the name of the file.
        Exception: The file is damaged.
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
    """Yield each pickle of an archive with a dict of part name -> bytes of the archive's parts `data/<name>`."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = {member.filename.lower() for member in members}  # torch ignores the case of names
        if any(name.endswith('/constants.pkl') for name in names):
            raise CheckpointError('is a TorchScript program: give a file of weights (a state_dict that torch.save wrote)')
        compressed = next((member for member in members if member.compress_type != zipfile.ZIP_STORED), None)
        if compressed is not None:
            raise CheckpointError(f"has the compressed part '{in_a_line(compressed.filename)}', which could fill the memory: "
                                  'save the weights again with torch.save, which does not compress')
        size = file.seek(0, os.SEEK_END)
        claimed = sum(member.file_size for member in members)
        if claimed > size or len(names) < len(members):
            raise CheckpointError(f'lists {len(members)} parts with {len(names)} different names and {claimed:,} bytes, but is '
                                  f'a file of {size:,} bytes: it is damaged, or made to fill the memory')
        folder = f"{members[0].filename.partition('/')[0]}/data/"  # torch also takes the folder from the first member
        parts = {member.filename.removeprefix(folder): member.file_size for member in members
                 if member.filename.startswith(folder)}
        for member in members:
            if member.filename.lower().endswith('.pkl'):
                yield archive.read(member), parts


class _Made:
    """Stand-in for an object that a pickle creates: a container, a class or the result of a call.

    Attributes:
        inside (list): The objects inside, or the arguments of the call.
        name (str): Full name of a class or function, else ''.
        values (int): Number of values inside, including nested values; 0 before :func:`_measure`.
        depth (int): Nesting depth; 0 before :func:`_measure`.
    """
    __slots__ = ('depth', 'inside', 'name', 'values')

    def __init__(self, inside: Iterable = (), name: str = ''):
        self.inside, self.name = list(inside), name
        self.values = self.depth = 0


_MARK = object()


def check_pickle(code: bytes | BinaryIO, parts: Mapping[str, int] | None = None) -> None:
    """Execute the instructions of a pickle symbolically, with stand-ins in place of the objects, and check the result.

    Args:
        code (bytes | BinaryIO): The pickle, or a file positioned at its start.
        parts (Mapping[str, int] | None): For a pickle in an archive: bytes of each part that holds the numbers of a tensor.
            Defaults to None.

    Raises:
        CheckpointError: A value is nested too deeply or has too many values inside, a class is modified, or a tensor claims
            more numbers than its part holds.
        Exception: The pickle is damaged.
    """
    machine = _Machine(parts)
    for opcode, argument, _ in pickletools.genops(code):
        machine.execute(opcode, argument)
    if machine.large > MOST_LARGE_NUMBERS:
        raise CheckpointError(f'holds {machine.large:,} integers of 61 bits or more, and at most {MOST_LARGE_NUMBERS:,} are '
                              'accepted: they could all have the same hash, and a dict of them would take years to build')
    for value in machine.made:
        if not value.depth:
            _measure(value)


class _Machine:
    """Execute the instructions of a pickle with stand-ins in place of the objects.

    Args:
        parts (Mapping[str, int] | None): As in :func:`check_pickle`.

    Attributes:
        made (list[_Made]): Every object that was created, except classes named by GLOBAL.
        large (int): Number of integers of 61 bits and more.
    """

    def __init__(self, parts: Mapping[str, int] | None):
        self._parts = parts
        self._stack, self._memo = [], {}
        self.made, self.large = [], 0

    def execute(self, opcode: pickletools.OpcodeInfo, argument) -> None:
        """Execute one instruction.

        Raises:
            CheckpointError: The instruction modifies a class, or claims memory that the file does not hold.
            Exception: The pickle is damaged.
        """
        stack, memo, name = self._stack, self._memo, opcode.name
        self.large += isinstance(argument, int) and abs(argument) >= _LARGE
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
            self._operate(opcode, argument)
        elif opcode.stack_after:
            self._push(opcode, argument)

    def _operate(self, opcode: pickletools.OpcodeInfo, argument) -> None:
        """Execute an instruction that takes operands from the stack."""
        name, taken = opcode.name, _take(self._stack, opcode)
        if name in ('APPEND', 'APPENDS', 'SETITEM', 'SETITEMS', 'ADDITEMS', 'BUILD'):  # these keep the container on top
            _add(taken[0], taken[1:], name)
            self._stack.append(taken[0])
        elif name not in ('POP', 'POP_MARK', 'STOP'):
            self._make(taken, '.'.join(map(str, taken)) if name == 'STACK_GLOBAL' else '')
        if name == 'BINPERSID' and self._parts is not None:
            _check_numbers(taken[0], self._parts)
        if name in _CALLS:
            _check_call(argument if name == 'INST' else taken[0], taken[name != 'INST':])

    def _push(self, opcode: pickletools.OpcodeInfo, argument) -> None:
        """Execute an instruction that only adds a value to the stack."""
        if opcode.name == 'GLOBAL':
            self._stack.append(_Made(name=argument.replace(' ', '.')))
        elif argument is None or not opcode.arg:  # an empty container or a constant
            self._make()
        else:
            self._stack.append(argument)

    def _make(self, inside: Iterable = (), name: str = '') -> None:
        self.made.append(_Made(inside, name))
        self._stack.append(self.made[-1])


def _take(stack: list, opcode) -> list:
    """Pop the operands of an instruction from the stack, without the mark.

    An instruction with a mark takes all objects above the last mark and those that it declares below the mark.

    Raises:
        ValueError: The stack holds too few operands.
    """
    if pickletools.markobject not in opcode.stack_before:
        count = len(opcode.stack_before)
        taken = stack[-count:]
        if len(taken) < count or _MARK in taken:
            raise ValueError(f'{opcode.name} needs {count} operands')
        del stack[-count:]
        return taken
    below = opcode.stack_before.index(pickletools.markobject)
    place = len(stack) - 1 - stack[::-1].index(_MARK)
    if place < below:
        raise ValueError(f'{opcode.name} needs {below} operands below the mark')
    taken = stack[place - below:place] + stack[place + 1:]
    del stack[place - below:]
    return taken


def _add(container, added: list, name: str) -> None:
    if not isinstance(container, _Made) or container.name:
        changed = in_a_line(getattr(container, 'name', 'a plain value'))
        raise CheckpointError(f'modifies {changed} (pickle instruction {name}), which could run code and was not run: only '
                              'containers of the checkpoint itself may be filled')
    container.inside += added


def _check_call(called, arguments: list) -> None:
    name = called.name if isinstance(called, _Made) else str(called).replace(' ', '.')
    given = arguments[0].inside if len(arguments) == 1 and isinstance(arguments[0], _Made) else arguments
    if name.endswith('.bytearray') and given and not _is_text(given[0]):  # bytearray(n) allocates n bytes
        raise CheckpointError('creates a bytearray from a size instead of its content: it is made to fill the memory')


def _check_numbers(named, parts: Mapping[str, int]) -> None:
    # torch.save names the numbers of a tensor by the tuple ('storage', class, part, device, count).
    values = named.inside if isinstance(named, _Made) else []
    if len(values) != 5 or not isinstance(values[2], str) or not isinstance(values[4], int):
        raise CheckpointError("describes the storage of a tensor in another form than torch.save's tuple ('storage', class, "
                              'part, device, count): it is damaged')
    kind = getattr(values[1], 'name', '').rpartition('.')[2].removesuffix('Storage')
    claimed = values[4] * _NUMBER_BYTES.get(kind, max(_NUMBER_BYTES.values()))
    held = parts.get(values[2], 0)
    if claimed > held:
        raise CheckpointError(f"has a tensor of {claimed:,} bytes whose part '{in_a_line(values[2])}' holds {held:,} bytes: it "
                              'is damaged, or made to read memory outside of the file')


def _is_text(value) -> bool:
    # Pickle protocol 2 writes bytes as a call of _codecs.encode on a string.
    encoded = isinstance(value, _Made) and value.inside and getattr(value.inside[0], 'name', '') == '_codecs.encode'
    return isinstance(value, (str, bytes)) or encoded


def _measure(value: _Made) -> None:
    """Set `values` and `depth` of an object and of all objects inside, iteratively, to avoid Python's recursion limit.

    Raises:
        CheckpointError: The object contains itself, is nested too deeply or holds too many values.
    """
    path, open_values = [value], set()
    while path:
        value = path[-1]
        waiting = [inner for inner in value.inside if isinstance(inner, _Made) and not inner.depth]
        if waiting and id(value) not in open_values:
            open_values.add(id(value))
            if any(id(inner) in open_values for inner in waiting):
                raise CheckpointError('holds a container that contains itself: torch.save writes none, and hashing it would '
                                      'never end')
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
            raise CheckpointError(f'holds a container of {value.values:,} values in {value.depth} nested levels, and at most '
                                  f'{MOST_VALUES:,} values in {DEEPEST} levels are accepted: hashing it could take years')
