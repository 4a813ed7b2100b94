"""Errors of Jira."""

from .sym_exception import SymException

__all__ = ["JiraError"]


class JiraError(SymException):
    """Raised by the Jira functions."""

    def __init__(self, name, message):
        super().__init__(error_type="Jira", name=name, message=message)
