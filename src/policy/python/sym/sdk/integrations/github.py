"""GitHub: declared so that flows load; calls raise ``GitHubError`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.github import GitHubError as _GitHubError

__all__ = ["get_repo_collaborators"]


def get_repo_collaborators(*, repo_name, roles=None):
    raise _unavailable(_GitHubError, "GitHub")
