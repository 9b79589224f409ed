"""Read the size of an ordinary JPEG from its first bytes, faster than Pillow does."""
import struct

_BEGIN = b'\xff\xd8'
_SEGMENT = struct.Struct('>BBH')
_FRAME = struct.Struct('>BHHB')
_APP0, _COMMENT, _HUFFMAN_TABLES, _QUANTISATION_TABLES, _BASELINE_FRAME, _SCAN = 0xE0, 0xFE, 0xC4, 0xDB, 0xC0, 0xDA
_TABLE_BYTES = 65


def ordinary_jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Return the size of a baseline JPEG with one or three channels and no metadata but a JFIF header and comments.

    Pillow accepts every file that this function accepts.

    Args:
        head (bytes): the first bytes of a file.

    Returns:
        tuple[int, int] or None: (width, height) in pixels; None for any other file, for example one with EXIF tags or a colour
        profile, a progressive one, or a damaged one. Open those with Pillow.
    """
    place, size = len(_BEGIN), None
    if not head.startswith(_BEGIN):
        return None
    while place + _SEGMENT.size <= len(head):
        mark, kind, length = _SEGMENT.unpack_from(head, place)
        begin, place = place + _SEGMENT.size, place + 2 + length
        if mark != 0xFF or length < 2 or place > len(head):
            return None
        if kind == _SCAN:
            return size
        if kind == _BASELINE_FRAME and size is None and length > _FRAME.size:
            bits, height, width, colours = _FRAME.unpack_from(head, begin)
            if bits != 8 or colours not in (1, 3) or length != 8 + 3 * colours or not width or not height:
                return None
            size = width, height
        elif kind == _QUANTISATION_TABLES:
            if (length - 2) % _TABLE_BYTES or any(head[table] > 15 for table in range(begin, place, _TABLE_BYTES)):
                return None  # 16-bit or truncated tables
        elif kind == _APP0:
            if length != 16 or not head.startswith(b'JFIF\0', begin):
                return None
        elif kind not in (_HUFFMAN_TABLES, _COMMENT):
            return None
    return None
