"""OneLogin: declared so that flows load; calls raise ``OneLoginError`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.onelogin import OneLoginError as _OneLoginError
from ..exceptions.sdk import MissingArgument as _MissingArgument

__all__ = ["get_user_info", "is_user_in_role", "list_roles", "users_in_role"]


def list_roles(name_filter=None):
    raise _unavailable(_OneLoginError, "OneLogin")


def get_user_info(user):
    raise _unavailable(_OneLoginError, "OneLogin")


def users_in_role(role_id=None):
    if role_id is None:
        raise _MissingArgument("role_id", "users_in_role")
    raise _unavailable(_OneLoginError, "OneLogin")


def is_user_in_role(user, *, role_id=None):
    if role_id is None:
        raise _MissingArgument("role_id", "is_user_in_role")
    raise _unavailable(_OneLoginError, "OneLogin")
