"""The files that a user gives: where they lie, near names of absent ones, and whether they are still the same.

Imports nothing heavy: the workflow asks before it plans its jobs.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from oleander.io.errors import OleanderError
from oleander.io.files import open_regular

DATA_ROOT_VARIABLE = "OLEANDER_DATA"
LITTER = ("__macosx", "@eadir", "thumbs.db", "ehthumbs.db", "desktop.ini")
"""What operating systems and file servers leave in folders, beside hidden files; in small letters."""
HASHED_BYTES = 64 * 2**20
"""How much content of a file or folder its fingerprint covers."""


def resolve_data_root(configured: str | None) -> Path | None:
    """The user's data folder: the configured one, else OLEANDER_DATA, else None.

    Raises:
        OleanderError: the path starts with ~ or ~user, and that home folder is unknown.
    """
    root = as_path(configured) if configured else os.environ.get(DATA_ROOT_VARIABLE)
    return expand_home(root) if root else None


def as_path(text: str) -> str:
    """A path of the configuration, which is UTF-8, as this process writes paths; they differ in a Latin-1 locale."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def expand_home(path: str) -> Path:
    """`path` with a leading ~ or ~user replaced by that home folder.

    Raises:
        OleanderError: the home folder is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise OleanderError(f"{path} cannot be found ({error}); use the full path") from error


def source_paths(files: Sequence[str], settings: dict[str, Any], data_root: Path | None) -> list[Path] | None:
    """The files and folders that a source reads, or None if there is no data folder to look for them in.

    Args:
        files: the source's `FILES`: paths in the data folder, in which {key} stands for that setting.
        settings: the source's settings.
        data_root: the user's data folder.

    Raises:
        KeyError: the files name a setting that is missing.
        OleanderError: see `expand_home`.
    """
    paths = [expand_home(as_path(file.format_map(settings))) for file in files]
    if data_root is None:
        return paths if all(path.is_absolute() for path in paths) else None
    return [data_root / path for path in paths]


def is_litter(parts: tuple[str, ...]) -> bool:
    """Whether a file or folder is hidden or an operating system's leftover."""
    return any(part.startswith(".") or part.lower() in LITTER for part in parts)


def fingerprint(paths: Sequence[Path] | None) -> str | None:
    """SHA-256 by which files and folders are known again: 64 hexadecimal digits.

    Where they lie and when they were written do not count, so that a copy has the same. Of a file it covers the size
    and the last `HASHED_BYTES`: all of MNIST's, and a .zip's list of its files with their checksums. Of a folder it
    covers the names and sizes of all files, and the content of the first `HASHED_BYTES`.

    Returns:
        The fingerprint; None if there are no paths or one of them is absent or cannot be read.
    """
    if not paths:
        return None
    digest = hashlib.sha256()
    try:
        for path in paths:
            for part in _folder_parts(path) if path.is_dir() else _file_parts(path):
                digest.update(part)
    except OSError:
        return None
    return digest.hexdigest()


def _file_parts(path: Path) -> Iterator[bytes]:
    with open_regular(path) as stream:
        size = stream.seek(0, os.SEEK_END)
        yield f"{size}\n".encode()
        stream.seek(max(0, size - HASHED_BYTES))
        while piece := stream.read(2**20):
            yield piece


def _folder_parts(folder: Path) -> Iterator[bytes]:
    left = HASHED_BYTES
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_litter((name,)))
        for path in (Path(place, name) for name in sorted(names) if not is_litter((name,))):
            size = path.stat().st_size
            yield os.fsencode(f"{path.relative_to(folder)}\n{size}\n")
            if size <= left:
                with open_regular(path) as stream:
                    yield stream.read(left)
                left -= size


def near(path: Path, top: Path | None = None) -> list[Path]:
    """Files and folders that lie about under nearly the name of `path`, which is absent or of another kind.

    Nearly: other punctuation, case or ending (.gz, .zip, .csv), or a copy's number. They are looked for in the folder
    of `path`, in those above it up to `top`, and in `path` itself where it is a folder.
    """
    folders = [path, path.parent]
    while top is not None and folders[-1] != top and top in folders[-1].parents:
        folders.append(folders[-1].parent)
    found = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found += [folder / name for name in sorted(os.listdir(folder)) if _plain(name) == _plain(path.name)]
    return [one for one in found if one != path]


def say_near(path: Path, top: Path | None = None) -> str:
    """The part of a sentence that names what is `near` an absent path, and what to do with it; empty if nothing is."""
    found = near(path, top)
    return f"found {found[0]}; if that is it, move or rename it to {path}" if found else ""


def _plain(name: str) -> str:
    name = re.sub(r"\s*\(\d+\)", "", name.lower())
    while (stem := re.sub(r"\.(gz|zip|csv|txt|tar|tgz)$", "", name)) != name:
        name = stem
    return re.sub(r"[\W_]", "", name)
