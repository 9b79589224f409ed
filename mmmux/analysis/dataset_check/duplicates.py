"""Pictures that are there more than once."""
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from .findings import Reading


class Place(NamedTuple):
    """A picture: the number of its part, its index there, and the digests of its file and its pixels."""
    part: int
    index: int
    file: bytes | None
    pixels: bytes | None


class Duplicates:
    """Collects the digests of pictures, and groups those that are equal as files or as pixels."""

    def __init__(self):
        self._places: list[Place] = []

    def add(self, part: int, index: int, reading: Reading) -> None:
        """Note a picture, if it could be decoded: all files without bytes are equal, which says nothing."""
        if reading.pixels is not None:
            self._places.append(Place(part, index, reading.file, reading.pixels))

    def groups(self) -> Iterator[list[Place]]:
        """The groups of two and more, each in the order of parts and indices."""
        places = sorted(self._places, key=lambda place: place[:2])
        first: dict[bytes, int] = {}
        parent = list(range(len(places)))

        def root(number: int) -> int:
            while parent[number] != number:
                parent[number] = number = parent[parent[number]]
            return number

        for number, place in enumerate(places):
            for digest in filter(None, (place.file, place.pixels)):
                older, newer = sorted((root(first.setdefault(digest, number)), root(number)))
                parent[newer] = older
        grouped = defaultdict(list)
        for number, place in enumerate(places):
            grouped[root(number)].append(place)
        yield from (group for group in grouped.values() if len(group) > 1)
