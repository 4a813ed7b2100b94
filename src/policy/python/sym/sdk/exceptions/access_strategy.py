"""Errors of access strategy."""

from .sym_exception import SymException

__all__ = ["AccessStrategyError"]


class AccessStrategyError(SymException):
    """Raised by the access strategy functions."""

    def __init__(self, name, message, error_type="AccessStrategy"):
        super().__init__(error_type=error_type, name=name, message=message)
