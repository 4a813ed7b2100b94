"""Each test fails; the names say how that is to be shown."""

import unittest

import pytest


@pytest.mark.parametrize("value", [3])
def test_compared(value):
    print("about to fail")
    assert value == 4


def test_no_such_fixture(nothing):
    pass


def test_error():
    raise KeyError("x")


def test_exits():
    raise SystemExit(0)


@pytest.mark.xfail(strict=True)
def test_expected_to_fail():
    pass


@pytest.fixture
def broken():
    raise OSError("no fixture")


def test_broken_fixture(broken):
    pass


class Case(unittest.TestCase):
    def test_unequal(self):
        self.assertEqual([1], [2])
