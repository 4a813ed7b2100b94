"""KnowBe4: declared so that flows load; calls raise ``KnowBe4Error`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.knowbe4 import KnowBe4Error as _KnowBe4Error

__all__ = ["get_training_enrollments_for_user", "is_user_in_group"]


def get_training_enrollments_for_user(user, store_purchase_id=None, campaign_id=None):
    raise _unavailable(_KnowBe4Error, "KnowBe4")


def is_user_in_group(user, group_id):
    raise _unavailable(_KnowBe4Error, "KnowBe4")
