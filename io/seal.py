"""The bytes of a file are held against their checksum before HDF5 sees them.

HDF5 parses more than it checks: its global heaps (texts of attributes, references of dimensions,
tables of virtual datasets) carry no checksum, and one flipped bit there sends HDF5 2.0.0 into an
endless loop, or out of its memory. So a seal stands behind the end of the HDF5 file, where HDF5
does not look:

    (start, length) of every gap | number of gaps, length of the HDF5 file | crc32 | the mark

in uint64 and uint32, little-endian. The crc32 is of all bytes before it but those in gaps: the
chunks of the fields of a packed run, which have checksums that HDF5 does look at, so that a large
file opens as fast as a small one.

A file that has no seal, as it is older, or was changed by other software, is read as it is.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

Gap = tuple[int, int]
PIECE = 2**20
MARK = b"bnflow seal 1\n"
GAP, COUNTS, CHECK = struct.Struct("<QQ"), struct.Struct("<QQ"), struct.Struct("<I")
TAIL = COUNTS.size + CHECK.size + len(MARK)


def seal(descriptor: int, size: int, gaps: Sequence[Gap] = ()) -> bytes:
    """The seal of the first `size` bytes of an open file; gaps : (start, length) of what is not in.

    >>> with open(os.devnull, "rb") as file:
    ...     seal(file.fileno(), 0).endswith(MARK)
    True
    """
    table = b"".join(GAP.pack(*gap) for gap in sorted(gaps))
    told = table + COUNTS.pack(len(gaps), size)
    return told + CHECK.pack(_checksum(descriptor, size, sorted(gaps), told)) + MARK


def seal_of(image: bytes) -> bytes:
    """The seal of a file whose bytes these are, without gaps."""
    told = COUNTS.pack(0, len(image))
    return told + CHECK.pack(zlib.crc32(told, zlib.crc32(image))) + MARK


def check_seal(path: Path) -> bool:
    """Whether a file has a seal; raises `OSError` where it has, and is not what was sealed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        whole = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, TAIL, max(whole - TAIL, 0))
        if len(tail) < TAIL or not tail.endswith(MARK):
            return False
        count, size = COUNTS.unpack_from(tail)
        if size + count * GAP.size + TAIL != whole:
            raise OSError("its seal is damaged")
        table = os.pread(descriptor, count * GAP.size, size)
        told, gaps = table + tail[: COUNTS.size], list(GAP.iter_unpack(table))
        (expected,) = CHECK.unpack_from(tail, COUNTS.size)
        if _checksum(descriptor, size, gaps, told) != expected:
            raise OSError("its bytes do not match their checksum")
        return True
    finally:
        os.close(descriptor)


def _checksum(descriptor: int, size: int, gaps: Sequence[Gap], told: bytes) -> int:
    """crc32 of the first `size` bytes but for the gaps, and of what the seal tells."""
    found = 0
    for start, stop in _between(size, gaps):
        for at in range(start, stop, PIECE):
            found = zlib.crc32(os.pread(descriptor, min(PIECE, stop - at), at), found)
    return zlib.crc32(told, found)


def _between(size: int, gaps: Sequence[Gap]) -> Iterator[tuple[int, int]]:
    """Start and stop of what lies before, between and behind the gaps."""
    at = 0
    for start, length in gaps:
        yield at, min(start, size)
        at = max(at, start + length)
    yield at, size
