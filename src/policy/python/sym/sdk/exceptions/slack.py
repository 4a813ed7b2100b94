"""Errors of Slack."""

from .sym_exception import SymException

__all__ = ["SlackError"]


class SlackError(SymException):
    """Raised by the Slack functions."""

    def __init__(self, name, message, error_type="Slack"):
        super().__init__(error_type=error_type, name=name, message=message)
