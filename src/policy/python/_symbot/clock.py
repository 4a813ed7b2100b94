"""Time comes from the host, so that a recorded call can be replayed. Local time is UTC.

Imported before anything else, so that ``from time import monotonic`` in the standard library means these functions.
"""

import time

import _symbot_host

_clock = _symbot_host.clock
_sleep = time.sleep
_gmtime, _strftime, _asctime = time.gmtime, time.strftime, time.asctime


def time_ns():
    return _clock()[0]


def seconds():
    return _clock()[0] / 1e9


def passed_ns():
    return _clock()[1]


def passed():
    return _clock()[1] / 1e9


def sleep(seconds, /):
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    if _symbot_host.pass_time(int(seconds * 1e9)):
        _sleep(seconds)
        _symbot_host.time_passed()


def gmtime(seconds=None, /):
    return _gmtime(_clock()[0] // 1_000_000_000 if seconds is None else seconds)


def strftime(format, when=None, /):
    return _strftime(format, gmtime() if when is None else when)


def asctime(when=None, /):
    return _asctime(gmtime() if when is None else when)


def ctime(seconds=None, /):
    return _asctime(gmtime(seconds))


for name, function in (
    ("time", seconds),
    ("time_ns", time_ns),
    ("monotonic", passed),
    ("monotonic_ns", passed_ns),
    ("perf_counter", passed),
    ("perf_counter_ns", passed_ns),
    ("process_time", passed),
    ("process_time_ns", passed_ns),
    ("thread_time", passed),
    ("thread_time_ns", passed_ns),
    ("sleep", sleep),
    ("gmtime", gmtime),
    ("localtime", gmtime),
    ("strftime", strftime),
    ("asctime", asctime),
    ("ctime", ctime),
):
    if hasattr(time, name):
        setattr(time, name, function)
for name in ("clock_gettime", "clock_gettime_ns", "clock_settime", "clock_settime_ns", "clock_getres"):
    if hasattr(time, name):
        delattr(time, name)

import datetime as _datetime

_EPOCH = _datetime.datetime(1970, 1, 1)
_utc = _datetime.timezone.utc
_microseconds = _datetime.timedelta(microseconds=1)


def _wall():
    return _EPOCH + _clock()[0] // 1000 * _microseconds


def _as(cls, when, tz):
    return cls(when.year, when.month, when.day, when.hour, when.minute, when.second, when.microsecond, tz)


# Put into the classes by the worker: Python code cannot.
def now(cls, tz=None):
    when = _wall()
    if tz is None:
        return _as(cls, when, None)
    if not isinstance(tz, _datetime.tzinfo):
        raise TypeError(f"tzinfo argument must be None or of a tzinfo subclass, not type {type(tz).__name__!r}")
    return tz.fromutc(_as(cls, when, tz))


def utcnow(cls):
    return _as(cls, _wall(), None)


def today_datetime(cls):
    return _as(cls, _wall(), None)


def today_date(cls):
    when = _wall()
    return cls(when.year, when.month, when.day)
