"""Where time zones come from: there are no files, so there is no path."""

import posixpath
from io import BytesIO

import _symbot_host

from ._common import ZoneInfoNotFoundError

TZPATH = ()


class InvalidTZPathWarning(RuntimeWarning):
    """Never given: there is no path that could be invalid."""


def reset_tzpath(to=None):
    """Does nothing: there are no files to look for."""


def find_tzfile(key):
    if posixpath.isabs(key):
        raise ValueError(f"ZoneInfo keys may not be absolute paths, got: {key}")
    if len(posixpath.normpath(key)) != len(key) or key.startswith(".."):
        raise ValueError(f"ZoneInfo keys must be normalized relative paths, got: {key}")
    return None


def load_tzdata(key):
    data = _symbot_host.time_zone(key)
    if data is None:
        raise ZoneInfoNotFoundError(f"No time zone found with key {key}")
    return BytesIO(data)


def available_timezones():
    return set(_symbot_host.time_zones())
