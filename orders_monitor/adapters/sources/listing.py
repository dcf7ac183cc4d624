"""The files of a partition: which there are, in which order, and what keeps one from being a file at all."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orders_monitor.core.source import Unreadable


@dataclass(frozen=True)
class Found:
    """The files of a partition, in the order of their names; `names` is how a sentence calls them."""

    paths: tuple[Path, ...]
    names: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """The paths as DuckDB takes them: it takes any path for a glob, and a name with brackets in it is a name."""
        return [glob.escape(str(path)) for path in self.paths]


def matching(folder: Path, rest: str) -> list[Path]:
    """What is in the folder under that relative path, in the order of names; `*` is the one pattern in it."""
    if "*" not in rest:
        path = folder / rest
        return [path] if os.path.lexists(path) else []
    pattern = "*".join(glob.escape(part) for part in rest.split("*"))
    return sorted(folder.glob(pattern))


def looked_at(folder: Path, paths: Sequence[Path]) -> Found | Unreadable:
    """The paths as files to read, or what is wrong with the first that is none. Raises OSError."""
    names = tuple(repr(path.relative_to(folder).as_posix()) for path in paths)
    for path, name in zip(paths, names, strict=True):
        problem = _problem(path)
        if problem is not None:
            return Unreadable(why=f"{name} {problem}")
    return Found(tuple(paths), names)


def _problem(path: Path) -> str | None:
    if not path.exists():
        return "is a link that leads to no file"
    if not path.is_file():
        return "is a folder, not a file" if path.is_dir() else "is not a file"
    if path.stat().st_size == 0:
        return "is empty (0 bytes)"
    with path.open("rb"):  # a file that we may not open is our trouble and not the data's: an OSError
        return None
