"""What access is granted to."""

from .resource import SymResource as _SymResource

__all__ = ["AccessTarget"]


class AccessTarget(_SymResource):
    """A target of a strategy."""

    def __init__(self, srn, label=None, type=None, settings=None):
        super().__init__(srn)
        self._label = label
        self._type = type
        self._settings = dict(settings or {})

    @property
    def label(self):
        return self._label

    @property
    def type(self):
        return self._type

    @property
    def settings(self):
        return self._settings
