"""Errors of PagerDuty."""

from .sym_exception import SymException

__all__ = ["PagerDutyError"]


class PagerDutyError(SymException):
    """Raised by the PagerDuty functions."""

    def __init__(self, name, message, error_type="PagerDuty"):
        super().__init__(error_type=error_type, name=name, message=message)
