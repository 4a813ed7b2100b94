"""Functions that no implementation has: their effects would outlive a request, or start a thread."""

import sys


def _refused(*args, **kwargs):
    raise RuntimeError("not available in implementation files")


def take(*functions):
    """Replaces functions: pairs of a module and the names in it."""
    for module, names in functions:
        for name in names.split():
            if hasattr(module, name):
                setattr(module, name, _refused)


def threads():
    """Those of `threading`, which is loaded only for files that need it; the ones of `_thread` below it are gone by then."""
    module = sys.modules.get("threading")
    if module is not None:
        take((module, "_start_joinable_thread settrace setprofile"))
