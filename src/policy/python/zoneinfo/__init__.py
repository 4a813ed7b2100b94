"""``zoneinfo`` with the time zones that are compiled into the bot."""

__all__ = ["ZoneInfo", "reset_tzpath", "available_timezones", "TZPATH", "ZoneInfoNotFoundError", "InvalidTZPathWarning"]

from _zoneinfo import ZoneInfo

from . import _common, _tzpath
from ._common import ZoneInfoNotFoundError
from ._tzpath import TZPATH, InvalidTZPathWarning, available_timezones, reset_tzpath

_common.load_tzdata = _tzpath.load_tzdata
