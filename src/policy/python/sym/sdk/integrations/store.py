"""A key-value store for flows."""

from _symbot import hostcall as _hostcall

__all__ = ["fetch", "put"]


def fetch(path):
    """The value at the dotted path; None if there is none."""
    return _hostcall.call("store.fetch", path=str(path))


def put(path, value):
    """Store a JSON value at the dotted path."""
    _hostcall.call("store.put", path=str(path), value=value)
