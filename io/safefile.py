"""Write a file so that a kill, a power cut or a full disk leaves the old one or the new one, whole.

The sequence: a temporary file with a unique name in the same folder, flush, fsync, `os.replace`,
fsync of the folder. HDF5 files go through `SafeFile`, a small file object that remembers the first
`OSError` and never returns it into libhdf5, which crashes at close after a failed write (HDF5 2.0.0
on a full disk); the error is raised once the library is done. No path is ever opened with mode "w"
by HDF5 itself: that truncates before it locks.

Not here: what is written (`netcdf`, `snapshot`, `view`), and who may write (`lock`).
"""

from __future__ import annotations

import errno
import io
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from ..kernels.errors import InputError
from .seal import Gap, check_seal, seal, seal_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


VERSION = "v110"  # of HDF5, whose readers must do
NO_SYNC = (errno.EINVAL, errno.ENOTSUP)  # of some network's file systems, for a folder


class SafeFile(io.RawIOBase):
    """A new file that HDF5 writes through; `error` is the first failure of the operating system."""

    def __init__(self, path: Path) -> None:
        """Make the file; one of that name must not exist."""
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        self.error: OSError | None = None
        self._position = 0
        self._size = 0

    def seekable(self) -> bool:
        """HDF5 jumps about."""
        return True

    def readable(self) -> bool:
        """HDF5 reads back what it wrote."""
        return True

    def writable(self) -> bool:
        """And writes."""
        return True

    def tell(self) -> int:
        """Bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move as `io.IOBase.seek` does."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def truncate(self, size: int | None = None, /) -> int:
        """Set the length, here or at `size`."""
        self._size = self._position if size is None else size
        if self.error is None:
            try:
                os.ftruncate(self.descriptor, self._size)
            except OSError as error:
                self.error = error
        return self._size

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of `data`; a failure is remembered and everything after it is dropped."""
        view = memoryview(data).cast("B")
        count, offset = len(view), self._position
        try:
            while self.error is None and len(view):
                done = os.pwrite(self.descriptor, view, offset)
                view, offset = view[done:], offset + done
        except OSError as error:
            self.error = error
        self._position += count
        self._size = max(self._size, self._position)
        return count

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill all of `buffer`, with zeros beyond the end."""
        view = memoryview(buffer).cast("B")
        data = os.pread(self.descriptor, len(view), self._position)
        view[: len(data)] = data
        view[len(data) :] = bytes(len(view) - len(data))
        self._position += len(view)
        return len(view)

    def seal(self, gaps: Sequence[Gap]) -> None:
        """Add the checksum of all that was written, but for the gaps; see `seal`."""
        if self.error is None:
            self.seek(0, os.SEEK_END)
            self.write(seal(self.descriptor, self._size, gaps))

    def check(self) -> None:
        """Raise what was remembered."""
        if self.error is not None:
            raise self.error

    def commit(self) -> None:
        """Raise what was remembered, else put the bytes on the disk."""
        self.check()
        os.fsync(self.descriptor)

    def close(self) -> None:
        """Close once."""
        if not self.closed:
            os.close(self.descriptor)
        super().close()


@contextmanager
def atomic_file(path: Path) -> Iterator[SafeFile]:
    """A new file that takes the name `path` when the block ends without an error.

    What HDF5 makes of bytes that were dropped is another error, and not the one that is raised.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    file = SafeFile(temporary)
    try:
        yield file
        file.commit()
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, Exception):
            file.check()
        raise
    finally:
        file.close()


@contextmanager
def atomic_h5(
    path: Path, gaps: Callable[[Any], Sequence[Gap]] | None = None, begin: bytes = b""
) -> Iterator[Any]:
    """An `h5py.File` to fill; `path` has it, whole and sealed, when the block ends well.

    gaps : which bytes of it are not in the seal; none unless given
    begin : the bytes of another such file, which it starts as
    """
    with atomic_file(path) as file:
        file.write(begin)
        file.check()  # HDF5 would read it
        with h5py.File(file, "r+" if begin else "w", libver=VERSION) as handle:
            yield handle
            left_out = () if gaps is None else gaps(handle)
        file.seal(left_out)


def atomic_image(path: Path, image: bytes) -> None:
    """Give `path` the bytes of an HDF5 file, sealed."""
    with atomic_file(path) as file:
        file.write(image + seal_of(image))


@contextmanager
def reading_h5(path: Path) -> Iterator[Any]:
    """An open `h5py.File`; whatever is wrong with it comes out as an `OSError` of one line."""
    try:
        check_seal(path)
        with h5py.File(path, "r") as handle:
            yield handle
    except InputError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise OSError(" ".join(str(error).split())) from error


def atomic_bytes(path: Path, data: bytes) -> None:
    """Give `path` the content `data`."""
    with atomic_file(path) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def sweep_temporaries(folder: Path) -> None:
    """Remove what killed writers left; only the holder of the run's lock may call this."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)
