"""Errors of platform."""

from .sym_exception import SymException

__all__ = ["SymIntegrationError"]


class SymIntegrationError(SymException):
    """Raised by the platform functions."""

    def __init__(self, name, message, error_type="SymIntegration"):
        super().__init__(error_type=error_type, name=name, message=message)
