from __future__ import annotations

import base64
import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import hashlib
import itertools
import json
import logging
import math
import random
import re
import statistics
import string
import textwrap
import time
import typing
import urllib.parse
import uuid


def test_dates():
    day = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
    assert day.weekday() == 6 and (day + datetime.timedelta(days=1)).isoformat() == "2026-03-02T00:00:00+00:00"
    assert datetime.datetime.strptime("2026-03-01", "%Y-%m-%d").year == 2026
    assert datetime.datetime.now(datetime.timezone.utc).year >= 2026


def test_data():
    assert json.loads(json.dumps({"a": [1, 2.5, None, True]})) == {"a": [1, 2.5, None, True]}
    assert re.sub(r"(\w+)@", r"\1 at ", "a@b") == "a at b"
    assert base64.b64encode(b"ab") == b"YWI="
    assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")
    assert urllib.parse.quote("a b") == "a%20b" and urllib.parse.urlparse("https://x/y?z=1").query == "z=1"
    assert decimal.Decimal("0.1") + decimal.Decimal("0.2") == decimal.Decimal("0.3")
    assert statistics.mean([1, 3]) == 2 and math.isclose(math.pi, 3.14159, rel_tol=1e-3)
    assert collections.Counter("aab")["a"] == 2 and list(itertools.chain([1], [2])) == [1, 2]


def test_classes():
    @dataclasses.dataclass(frozen=True)
    class Point:
        x: int
        y: int = 0

    assert Point(1) == Point(1, 0)

    class Kind(str, enum.Enum):
        A = "a"

    assert Kind("a") is Kind.A

    class Named(typing.NamedTuple):
        a: int

    assert Named(1).a == 1


def test_language():
    match {"kind": "x", "n": 1}:
        case {"kind": "x", "n": n}:
            assert n == 1
    if (found := re.match("a", "abc")) and found.group() == "a":
        assert f"{found.group()!r:>5}" == "  'a'"
    assert all([True]) and next(iter([1])) == 1
    assert functools.reduce(lambda a, b: a + b, [1, 2, 3]) == 6
    assert textwrap.shorten("a b c", 30) and string.ascii_lowercase[:2] == "ab"
    assert isinstance(uuid.uuid4(), uuid.UUID) and 0 <= random.random() < 1
    assert time.time() > 1_700_000_000


def test_logging_and_printing():
    logging.getLogger("x").warning("careful")
    print("printed")


def test_requests_raise_what_flows_catch():
    import requests
    from requests.exceptions import RequestException

    try:
        requests.get("https://example.com", timeout=3)
    except RequestException as error:
        assert "not available" in str(error)
    else:
        raise AssertionError
    with requests.Session() as session:
        session.headers.update({"a": "b"})


def test_time_zones():
    import zoneinfo
    from datetime import datetime, timedelta, timezone

    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    assert zoneinfo.ZoneInfo("Europe/Berlin") is berlin and str(berlin) == "Europe/Berlin"
    summer, winter = datetime(2026, 7, 1, 12, tzinfo=berlin), datetime(2026, 1, 1, 12, tzinfo=berlin)
    assert summer.utcoffset() == timedelta(hours=2) and winter.utcoffset() == timedelta(hours=1)
    assert summer.tzname() == "CEST" and winter.tzname() == "CET"
    # Beyond the table of transitions, and in the hour that comes twice.
    assert datetime(2190, 7, 1, tzinfo=berlin).utcoffset() == timedelta(hours=2)
    assert datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=berlin).utcoffset() == timedelta(hours=1)
    assert datetime(2026, 3, 29, 1, tzinfo=timezone.utc).astimezone(berlin).hour == 3
    new_york = summer.astimezone(zoneinfo.ZoneInfo("America/New_York"))
    assert new_york.hour == 6 and new_york == summer
    assert {"UTC", "Asia/Kolkata", "Europe/Berlin"} <= zoneinfo.available_timezones()
    try:
        zoneinfo.ZoneInfo("europe/berlin")
    except zoneinfo.ZoneInfoNotFoundError as error:
        assert isinstance(error, KeyError) and "europe/berlin" in str(error)
    else:
        raise AssertionError
