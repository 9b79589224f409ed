"""Find images that occur more than once, as equal files or equal pixels."""
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from .findings import Reading


class Place(NamedTuple):
    """The place and the digests of one image.

    Attributes:
        part: number of the data set.
        index: index of the image in it.
        file: SHA-256 of the file, or None.
        pixels: SHA-256 of the decoded pixels, or None.
    """
    part: int
    index: int
    file: bytes | None
    pixels: bytes | None


class Duplicates:
    """Collect the digests of images, and group the images whose files or pixels are equal."""

    def __init__(self):
        self._places: list[Place] = []

    def add(self, part: int, index: int, reading: Reading) -> None:
        """Add an image. One that could not be decoded is ignored: empty files are all equal, which is no useful finding."""
        if reading.pixels is not None:
            self._places.append(Place(part, index, reading.file, reading.pixels))

    def groups(self) -> Iterator[list[Place]]:
        """Yield the groups of two or more equal images, each sorted by part and index."""
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
