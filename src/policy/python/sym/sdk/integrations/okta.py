"""Okta: declared so that flows load; calls raise ``OktaError`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.okta import OktaError as _OktaError

__all__ = ["get_user_info", "is_user_in_group", "list_groups", "users_in_group"]


def is_user_in_group(user, *, group_id):
    raise _unavailable(_OktaError, "Okta")


def users_in_group(*, group_id):
    raise _unavailable(_OktaError, "Okta")


def get_user_info(user):
    raise _unavailable(_OktaError, "Okta")


def list_groups(*, name_filter=None, filter=None, expand=None, only_native_groups=True):
    raise _unavailable(_OktaError, "Okta")
