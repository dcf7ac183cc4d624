"""Great Expectations, imported when it is first needed and kept quiet."""

import logging
import warnings
from types import ModuleType


def great_expectations() -> ModuleType:
    """The library. Its import takes seconds and changes the process; what it changes is put back."""
    # Leaving this block also undoes logging.captureWarnings(True), which the library calls for the whole process.
    with warnings.catch_warnings():
        # It imports sre_constants and sre_parse, which Python has renamed.
        warnings.filterwarnings("ignore", message="module 'sre_", category=DeprecationWarning)
        import great_expectations as library  # noqa: PLC0415 - seconds, and only runs that validate pay for them

    # It logs statements and tracebacks with values of the data in them, for outcomes that are returned anyway.
    logging.getLogger(library.__name__).setLevel(logging.CRITICAL)
    return library
