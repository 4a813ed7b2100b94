"""Google: declared so that flows load; calls raise ``GoogleError`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.google import GoogleError as _GoogleError

__all__ = ["is_user_in_group", "list_groups", "users_in_group"]


def is_user_in_group(user, *, group_email):
    raise _unavailable(_GoogleError, "Google")


def list_groups(domain=None):
    raise _unavailable(_GoogleError, "Google")


def users_in_group(group_email, *, include_indirect_members=True):
    raise _unavailable(_GoogleError, "Google")
