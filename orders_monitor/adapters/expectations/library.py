"""Great Expectations, imported when it is first needed and kept quiet."""

import gc
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from importlib.util import LazyLoader
from types import ModuleType

# Packages with expectations of their own name a module under this group, which registers them when it is imported.
GROUP = "orders_monitor.expectations"

# More than a third of the import. Only the charts and tests of a few rare expectations touch them, and load them then.
_DEFERRED = ("altair", "scipy.stats")


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
    """Thousands of classes are made and none is garbage: looking for some takes an eighth of the import."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
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
