"""Errors of KnowBe4."""

from .sym_exception import SymException

__all__ = ["KnowBe4Error"]


class KnowBe4Error(SymException):
    """Raised by the KnowBe4 functions."""

    def __init__(self, name, message):
        super().__init__(error_type="KnowBe4", name=name, message=message)
