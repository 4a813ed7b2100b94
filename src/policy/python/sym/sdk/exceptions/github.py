"""Errors of GitHub."""

from .sym_exception import SymException

__all__ = ["GitHubError"]


class GitHubError(SymException):
    """Raised by the GitHub functions."""

    def __init__(self, name, message, error_type="GitHub"):
        super().__init__(error_type=error_type, name=name, message=message)
