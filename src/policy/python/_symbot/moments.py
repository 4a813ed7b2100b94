"""Dates, times and durations from what people write, as pydantic 1 reads them: ISO 8601, or a number of seconds."""

import datetime
import re

from .faults import fault

_DATE = r"(\d{4})-(\d{1,2})-(\d{1,2})"
_TIME = r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6})\d{0,6})?)?(Z|[+-]\d{2}(?::?\d{2})?)?"
_DATE_ONLY = re.compile(_DATE + r"\Z")
_TIME_ONLY = re.compile(_TIME + r"\Z")
_DATE_AND_TIME = re.compile(_DATE + "[T ]" + _TIME + r"\Z")
_DURATION = re.compile(
    r"(?:(?P<days>-?\d+) (?:days?, )?)?(?:(?P<hours>-?\d+):(?=\d+:\d+))?(?:(?P<minutes>-?\d+):)?"
    r"(?P<seconds>-?\d+)(?:\.(?P<microseconds>\d{1,6})\d{0,6})?\Z"
)
_ISO_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?\Z"
)
_EPOCH = datetime.datetime(1970, 1, 1)
_DAY_SECONDS = 24 * 60 * 60
# Larger numbers are milliseconds, or smaller units still.
_SECONDS_MAX = 20_000_000_000
_NUMBER_MAX = 3e20


def _number(value, what):
    """The number that a value is or says; None if it says none."""
    if isinstance(value, (int, float)):
        return value
    try:
        return float(value)
    except ValueError:
        return None
    except TypeError:
        raise fault(f"invalid type; expected {what}, string, bytes, int or float", "type_error") from None


def _since_1970(number):
    if number > _NUMBER_MAX:
        return datetime.datetime.max
    if number < -_NUMBER_MAX:
        return datetime.datetime.min
    while abs(number) > _SECONDS_MAX:
        number /= 1000
    return (_EPOCH + datetime.timedelta(seconds=number)).replace(tzinfo=datetime.timezone.utc)


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _zone(text):
    if text is None:
        return None
    if text == "Z":
        return datetime.timezone.utc
    minutes = int(text[1:3]) * 60 + (int(text[-2:]) if len(text) > 3 else 0)
    return datetime.timezone(datetime.timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _parts(groups):
    hour, minute, second, fraction, zone = groups
    return int(hour), int(minute), int(second or 0), int((fraction or "").ljust(6, "0")), _zone(zone)


def to_datetime(value):
    if isinstance(value, datetime.datetime):
        return value
    number = _number(value, "datetime")
    wrong = fault("invalid datetime format", "value_error.datetime")
    try:
        if number is not None:
            return _since_1970(number)
        found = _DATE_AND_TIME.match(_text(value))
        if found:
            year, month, day, *rest = found.groups()
            return datetime.datetime(int(year), int(month), int(day), *_parts(rest))
    except (ValueError, OverflowError):
        pass
    raise wrong


def to_date(value):
    if isinstance(value, datetime.date):
        return value.date() if isinstance(value, datetime.datetime) else value
    number = _number(value, "date")
    try:
        if number is not None:
            return _since_1970(number).date()
        found = _DATE_ONLY.match(_text(value))
        if found:
            return datetime.date(*(int(part) for part in found.groups()))
    except (ValueError, OverflowError):
        pass
    raise fault("invalid date format", "value_error.date")


def to_time(value):
    if isinstance(value, datetime.time):
        return value
    number = _number(value, "time")
    try:
        if number is not None and number < _DAY_SECONDS:
            return (datetime.datetime.min + datetime.timedelta(seconds=number)).time()
        found = None if number is not None else _TIME_ONLY.match(_text(value))
        if found:
            return datetime.time(*_parts(found.groups()))
    except (ValueError, OverflowError):
        pass
    raise fault("invalid time format", "value_error.time")


def to_timedelta(value):
    if isinstance(value, datetime.timedelta):
        return value
    if isinstance(value, (int, float)):
        value = f"{value:f}"
    elif not isinstance(value, (str, bytes)):
        raise fault("invalid type; expected timedelta, string, bytes, int or float", "type_error")
    text = _text(value)
    found = _DURATION.match(text) or _ISO_DURATION.match(text)
    if not found:
        raise fault("invalid duration format", "value_error.duration")
    parts = found.groupdict()
    sign = -1 if parts.pop("sign", "+") == "-" else 1
    if parts.get("microseconds"):
        parts["microseconds"] = parts["microseconds"].ljust(6, "0")
        if parts.get("seconds", "").startswith("-"):
            parts["microseconds"] = "-" + parts["microseconds"]
    return sign * datetime.timedelta(**{name: float(part) for name, part in parts.items() if part is not None})
