"""Errors of Aptible."""

from .sym_exception import SymException

__all__ = ["AptibleError"]


class AptibleError(SymException):
    """Raised by the Aptible functions."""

    def __init__(self, name, message, error_type="Aptible"):
        super().__init__(error_type=error_type, name=name, message=message)
