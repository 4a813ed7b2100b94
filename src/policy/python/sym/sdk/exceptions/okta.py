"""Errors of Okta."""

from .sym_exception import SymException

__all__ = ["OktaError"]


class OktaError(SymException):
    """Raised by the Okta functions."""

    def __init__(self, name, message, error_type="Okta"):
        super().__init__(error_type=error_type, name=name, message=message)
