"""Errors of Google."""

from .sym_exception import SymException

__all__ = ["GoogleError"]


class GoogleError(SymException):
    """Raised by the Google functions."""

    def __init__(self, name, message, error_type="Google"):
        super().__init__(error_type=error_type, name=name, message=message)
