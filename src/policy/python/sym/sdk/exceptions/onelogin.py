"""Errors of OneLogin."""

from .sym_exception import SymException

__all__ = ["OneLoginError"]


class OneLoginError(SymException):
    """Raised by the OneLogin functions."""

    def __init__(self, name, message, error_type="OneLogin"):
        super().__init__(error_type=error_type, name=name, message=message)
