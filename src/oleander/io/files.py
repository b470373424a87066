"""Atomic writes, so readers see the whole old file or the whole new one, and size-limited reads."""

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from oleander.io.errors import OleanderError

CLOCK_TOLERANCE = 60
"""Seconds that a file server's clock may be ahead."""


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed to `path`, otherwise removed.

    The temporary name keeps the suffix of `path`, because plotting libraries choose the format by it. Temporary files
    left by killed writers of the same path are removed.

    Raises:
        OleanderError: the file cannot be written (read-only folder, disk full).
    """
    final = Path(path)
    handle, temporary = None, None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".partial-{final.stem}-"
        _remove_abandoned(final.parent, prefix, final.suffix)
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=final.suffix, dir=final.parent)
        temporary = Path(name)
        # The system releases the lock when the writer is killed. On file systems without locks, temporary files are
        # never removed as abandoned.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield temporary
        # mkstemp creates files that only the owner can read; results get the usual permissions.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(final)
    except OSError as error:
        raise OleanderError(
            f"cannot write {final}: {error.strerror or error}; free some space or choose a writable folder"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def _remove_abandoned(folder: Path, prefix: str, suffix: str) -> None:
    """Remove temporary files of this name whose writer was killed."""
    for path in folder.iterdir():
        if not (path.name.startswith(prefix) and path.suffix == suffix):
            continue
        with contextlib.suppress(OSError), path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def check_results_folder(folder: str | os.PathLike[str]) -> None:
    """Raise an error for a results folder, existing or not, that the workflow cannot use.

    Raises:
        OleanderError: it is not writable, or a file in it is dated in the future because the clock was set back:
            Snakemake would consider that file's outputs outdated and remove them once they are made.
    """
    folder = Path(folder)
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise OleanderError(
            f"cannot write to {there}: {error.strerror or error}; make it writable, or work in another checkout"
        ) from error
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    newest, path = max(((_changed(file), file) for file in files), default=(0, folder))
    if newest > time.time() + CLOCK_TOLERANCE:
        raise OleanderError(
            f"{path} is dated {time.ctime(newest)}, in the future: the clock was set back; correct it, or date "
            f"such files now with: find {folder} -newermt now -exec touch --date=now {{}} +"
        )


def _changed(path: Path) -> float:
    """Modification time of a file, in seconds since 1970; 0 if it is gone."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0


def let_jobs_use_utf8() -> None:
    """Let the processes that this one starts read and write UTF-8, names of files too, whatever the locale is."""
    os.environ["PYTHONUTF8"] = "1"


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON to `path` atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def sha256_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def open_regular(path: str | os.PathLike[str]) -> io.FileIO:
    """Open a regular file for unbuffered reading.

    Raises:
        OSError: it cannot be opened or is not a regular file; reading a pipe or a device might never end.
    """
    # Without O_NONBLOCK, opening a pipe would wait for its other end.
    stream = io.FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return stream


def read_bounded(path: str | os.PathLike[str], limit: int) -> bytes:
    """Read all bytes of a regular file of at most `limit` bytes.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger.
    """
    with io.BufferedReader(open_regular(path)) as stream:
        if os.fstat(stream.fileno()).st_size <= limit and len(content := stream.read(limit + 1)) <= limit:
            return content
    raise OSError(errno.EFBIG, f"it is larger than {limit:,} bytes", str(path))
