"""Errors of Boundary."""

from .sym_exception import SymException

__all__ = ["BoundaryError"]


class BoundaryError(SymException):
    """Raised by the Boundary functions."""

    def __init__(self, name, message, error_type="Boundary"):
        super().__init__(error_type=error_type, name=name, message=message)
