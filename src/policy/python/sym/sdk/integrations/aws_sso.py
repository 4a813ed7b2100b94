"""AWS IAM Identity Center: declared so that flows load; calls raise ``AWSSSOError`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.aws import AWSSSOError as _AWSSSOError

__all__ = ["is_user_in_group", "list_accounts", "list_groups", "users_in_group"]


def is_user_in_group(user, *, group_name):
    raise _unavailable(_AWSSSOError, "AWS IAM Identity Center")


def list_groups():
    raise _unavailable(_AWSSSOError, "AWS IAM Identity Center")


def users_in_group(group_name):
    raise _unavailable(_AWSSSOError, "AWS IAM Identity Center")


def list_accounts(organizational_unit_id=None):
    raise _unavailable(_AWSSSOError, "AWS IAM Identity Center")
