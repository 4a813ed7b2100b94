"""``TestCase`` with the usual assertions, and ``mock``; for ``symbot python``. The runner is ``_symbot.testing``."""

import re as _re
import sys as _sys

from _symbot import testing as _testing
from _symbot.testing import Skipped as SkipTest

__all__ = ["SkipTest", "TestCase", "main", "mock", "skip", "skipIf", "skipUnless"]


def skip(reason=""):
    def mark(test):
        test.__unittest_skip__ = reason or "skipped"
        return test

    if callable(reason):
        test, reason = reason, ""
        return mark(test)
    return mark


def skipIf(condition, reason):
    return skip(reason) if condition else lambda test: test


def skipUnless(condition, reason):
    return skipIf(not condition, reason)


class _Expected:
    def __init__(self, case, expected, pattern, message):
        self.case, self.expected, self.pattern, self.message = case, expected, pattern, message
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is None:
            self.case.fail(self.message or f"{self.expected!r} not raised")
        if not isinstance(error, self.expected):
            return False
        self.exception = error
        if self.pattern is not None and not _re.search(self.pattern, str(error)):
            self.case.fail(f"{self.pattern!r} does not match {str(error)!r}")
        return True


class _SubTest:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        return False


class TestCase:
    failureException = AssertionError
    maxDiff = None

    def __init__(self, methodName="runTest"):
        self._testMethodName = methodName
        self._cleanups = []

    def setUp(self):
        pass

    def tearDown(self):
        pass

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def addCleanup(self, function, /, *args, **kwargs):
        self._cleanups.append((function, args, kwargs))

    def doCleanups(self):
        while self._cleanups:
            function, args, kwargs = self._cleanups.pop()
            function(*args, **kwargs)

    def subTest(self, msg=None, **params):
        return _SubTest()

    def skipTest(self, reason):
        raise SkipTest(reason)

    def fail(self, msg=None):
        raise self.failureException(msg)

    def _check(self, holds, msg, text):
        if not holds:
            self.fail(f"{text} : {msg}" if msg else text)

    def assertTrue(self, expr, msg=None):
        self._check(expr, msg, f"{expr!r} is not true")

    def assertFalse(self, expr, msg=None):
        self._check(not expr, msg, f"{expr!r} is not false")

    def assertEqual(self, first, second, msg=None):
        if not first == second:
            self._check(False, msg, _testing.compared(first, "==", second))

    assertListEqual = assertDictEqual = assertTupleEqual = assertSetEqual = assertMultiLineEqual = assertSequenceEqual = assertEqual

    def assertNotEqual(self, first, second, msg=None):
        self._check(first != second, msg, f"{first!r} == {second!r}")

    def assertIs(self, first, second, msg=None):
        self._check(first is second, msg, f"{first!r} is not {second!r}")

    def assertIsNot(self, first, second, msg=None):
        self._check(first is not second, msg, f"unexpectedly identical: {first!r}")

    def assertIsNone(self, obj, msg=None):
        self._check(obj is None, msg, f"{obj!r} is not None")

    def assertIsNotNone(self, obj, msg=None):
        self._check(obj is not None, msg, "unexpectedly None")

    def assertIn(self, member, container, msg=None):
        self._check(member in container, msg, f"{member!r} not found in {container!r}")

    def assertNotIn(self, member, container, msg=None):
        self._check(member not in container, msg, f"{member!r} unexpectedly found in {container!r}")

    def assertIsInstance(self, obj, cls, msg=None):
        self._check(isinstance(obj, cls), msg, f"{obj!r} is not an instance of {cls!r}")

    def assertNotIsInstance(self, obj, cls, msg=None):
        self._check(not isinstance(obj, cls), msg, f"{obj!r} is an instance of {cls!r}")

    def assertGreater(self, first, second, msg=None):
        self._check(first > second, msg, f"{first!r} not greater than {second!r}")

    def assertGreaterEqual(self, first, second, msg=None):
        self._check(first >= second, msg, f"{first!r} not greater than or equal to {second!r}")

    def assertLess(self, first, second, msg=None):
        self._check(first < second, msg, f"{first!r} not less than {second!r}")

    def assertLessEqual(self, first, second, msg=None):
        self._check(first <= second, msg, f"{first!r} not less than or equal to {second!r}")

    def assertAlmostEqual(self, first, second, places=7, msg=None, delta=None):
        near = first == second or (abs(first - second) <= delta if delta is not None else round(abs(first - second), places) == 0)
        self._check(near, msg, f"{first!r} is not near {second!r}")

    def assertCountEqual(self, first, second, msg=None):
        left, right = list(first), list(second)
        for one in list(left):
            if one in right:
                left.remove(one)
                right.remove(one)
        self._check(not left and not right, msg, f"only in the first: {left!r}, only in the second: {right!r}")

    def assertRegex(self, text, pattern, msg=None):
        self._check(_re.search(pattern, text), msg, f"{pattern!r} not found in {text!r}")

    def assertNotRegex(self, text, pattern, msg=None):
        self._check(not _re.search(pattern, text), msg, f"{pattern!r} found in {text!r}")

    def assertRaises(self, expected_exception, *args, msg=None, **kwargs):
        return self._raises(_Expected(self, expected_exception, None, msg), args, kwargs)

    def assertRaisesRegex(self, expected_exception, expected_regex, *args, msg=None, **kwargs):
        return self._raises(_Expected(self, expected_exception, expected_regex, msg), args, kwargs)

    @staticmethod
    def _raises(context, args, kwargs):
        if not args:
            return context
        function, *arguments = args
        with context:
            function(*arguments, **kwargs)
        return None


_testing.TestCase = TestCase


def main(*args, **kwargs):
    """Runs the tests of the script and exits."""
    _sys.exit(_testing.run_main(()))


from . import mock
