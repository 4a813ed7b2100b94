"""An integration as strategies and environments see it."""

from ..resource import SymResource as _SymResource

__all__ = ["Integration"]


class Integration(_SymResource):
    """A configured connection to a service."""

    def __init__(self, srn, type=None, external_id=None, settings=None):
        super().__init__(srn)
        self._type = type
        self._external_id = external_id
        self._settings = dict(settings or {})

    @property
    def type(self):
        return self._type

    @property
    def external_id(self):
        return self._external_id

    @property
    def settings(self):
        return self._settings
