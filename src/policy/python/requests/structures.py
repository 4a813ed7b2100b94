"""Data structures of ``requests``."""

from collections.abc import MutableMapping as _MutableMapping

__all__ = ["CaseInsensitiveDict"]


class CaseInsensitiveDict(_MutableMapping):
    """Headers: names compare without regard to case and keep the case of the last assignment."""

    def __init__(self, data=None, **kwargs):
        self._store = {}
        self.update(data or {}, **kwargs)

    def __setitem__(self, key, value):
        self._store[key.lower()] = (key, value)

    def __getitem__(self, key):
        return self._store[key.lower()][1]

    def __delitem__(self, key):
        del self._store[key.lower()]

    def __iter__(self):
        return (key for key, _ in self._store.values())

    def __len__(self):
        return len(self._store)

    def __eq__(self, other):
        if not hasattr(other, "items"):
            return NotImplemented
        return {key.lower(): value for key, value in self.items()} == {key.lower(): value for key, value in other.items()}

    def copy(self):
        return CaseInsensitiveDict(self.items())

    def __repr__(self):
        return repr(dict(self.items()))
