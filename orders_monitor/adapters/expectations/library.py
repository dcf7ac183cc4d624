"""Great Expectations, imported when it is first needed and kept quiet."""

import gc
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache, wraps
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from importlib.util import LazyLoader
from types import ModuleType
from typing import ParamSpec, TypeVar

# Packages with expectations of their own name a module under this group, which registers them when it is imported.
GROUP = "orders_monitor.expectations"

# More than a third of the import. Only the charts and tests of a few rare expectations touch them, and load them then.
_DEFERRED = ("altair", "scipy.stats")

# Values on the stack of a frame: 256 kB of them, and as much is left below.
_ROOM = 1 << 15

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def with_room(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """The same function, below which calls can nest some hundred deep without asking the kernel for memory.

    CPython (3.11 on) maps 16 kB for the frames of a few dozen calls, and unmaps them when the first of these returns:
    35,000 times in a row where an import goes back and forth across that line, each time stopping all other threads.
    What it maps for one frame that is said to be large is twice as large, and stays until that frame returns.
    """

    def roomy(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        return function(*args, **kwargs)

    roomy.__code__ = roomy.__code__.replace(co_stacksize=_ROOM)
    return wraps(function)(roomy)


@with_room
def great_expectations() -> ModuleType:
    """The library. Its import takes seconds and changes the process; what it changes is put back."""
    first = "great_expectations" not in sys.modules
    # Leaving this block also undoes logging.captureWarnings(True), which the library calls for the whole process.
    with warnings.catch_warnings(), _deferred() if first else nullcontext(), _uncollected() if first else nullcontext():
        # It imports sre_constants and sre_parse, which Python has renamed.
        warnings.filterwarnings("ignore", message="module 'sre_", category=DeprecationWarning)
        import great_expectations as library  # noqa: PLC0415 - seconds, and only runs that validate pay for them

    # It logs statements and tracebacks with values of the data in them, for outcomes that are returned anyway.
    logging.getLogger(library.__name__).setLevel(logging.CRITICAL)
    _with_ours_and_theirs()
    return library


@cache
def _with_ours_and_theirs() -> None:
    """Register the expectations of this project and of whoever installed a package with their own."""
    import_module("orders_monitor.adapters.expectations.known_values")
    for entry in entry_points(group=GROUP):
        entry.load()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Thousands of classes are made and none is garbage: looking for some takes an eighth of the import.

    They end among the old objects, where they would be after having been looked through twice.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        if was_enabled:
            gc.enable()


@contextmanager
def _deferred() -> Iterator[None]:
    """Modules that are looked for here and are not loaded yet are loaded when something of them is used."""
    finder = _Later()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Later(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in _DEFERRED else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec
