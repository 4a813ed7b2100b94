"""Functions that no implementation has: their effects would outlive a request, or start a thread."""

import _frozen_importlib
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


def twin(module, name):
    """A function of a Python module that is loaded when it is needed."""

    def function(*args):
        return getattr(_frozen_importlib._gcd_import(module), name)(*args)

    return function


def in_order(function):
    """A function whose list has an order that is the same in every process."""

    def list_dialects():
        return sorted(function())

    return list_dialects
