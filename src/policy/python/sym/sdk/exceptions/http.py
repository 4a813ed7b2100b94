"""Errors of HTTP."""

from .sym_exception import SymException

__all__ = ["HTTPError"]


class HTTPError(SymException):
    """Raised by the HTTP functions."""

    def __init__(self, name, message, error_type="HTTP"):
        super().__init__(error_type=error_type, name=name, message=message)
