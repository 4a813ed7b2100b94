"""AWS IAM: declared so that flows load; calls raise ``AWSIAMError`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.aws import AWSIAMError as _AWSIAMError

__all__ = ["is_user_in_group"]


def is_user_in_group(user, *, group_name):
    raise _unavailable(_AWSIAMError, "AWS IAM")
