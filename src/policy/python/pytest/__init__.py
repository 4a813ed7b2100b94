"""The part of pytest that test files of implementations use: ``raises``, ``mark``, ``fixture``, ``approx``, ``skip``, ``fail``.

For ``symbot python``; implementation files cannot import it. The runner is ``_symbot.testing``.
"""

import re as _re

from _symbot import testing as _testing
from _symbot.testing import Skipped as _Skipped

__all__ = ["ExceptionInfo", "approx", "fail", "fixture", "main", "mark", "param", "raises", "skip"]


class Failed(AssertionError):
    """What ``pytest.fail`` raises, and ``raises`` when nothing was raised."""


def fail(reason="", pytrace=True):
    raise Failed(reason)


fail.Exception = Failed


def skip(reason="", allow_module_level=False):
    raise _Skipped(reason)


skip.Exception = _Skipped


class ExceptionInfo:
    """What was raised: ``value``, ``type``, ``tb``, and ``match``."""

    value = None

    @property
    def type(self):
        return type(self.value)

    @property
    def typename(self):
        return type(self.value).__name__

    @property
    def tb(self):
        return self.value.__traceback__

    def exconly(self):
        return f"{self.typename}: {self.value}"

    def match(self, pattern):
        text = str(self.value)
        if not _re.search(pattern, text):
            fail(f"Regex pattern did not match.\n Regex: {pattern!r}\n Input: {text!r}")
        return True

    def __repr__(self):
        return f"<ExceptionInfo {self.value!r}>"


class _Raises:
    def __init__(self, expected, match):
        self.expected = expected
        self.match = match
        self.info = ExceptionInfo()

    def __enter__(self):
        return self.info

    def __exit__(self, kind, error, traceback):
        if error is None:
            fail(f"DID NOT RAISE {self.expected!r}")
        if not isinstance(error, self.expected):
            return False
        self.info.value = error
        if self.match is not None:
            self.info.match(self.match)
        return True


def raises(expected_exception, *args, match=None, **kwargs):
    """A context that expects an exception; with a function, calls it and expects one."""
    kinds = expected_exception if isinstance(expected_exception, tuple) else (expected_exception,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(f"expected exception must be a BaseException type, not {kind!r}")
    context = _Raises(expected_exception, match)
    if not args:
        if kwargs:
            raise TypeError(f"Unexpected keyword arguments passed to pytest.raises: {', '.join(sorted(kwargs))}")
        return context
    function, *arguments = args
    with context as info:
        function(*arguments, **kwargs)
    return info


class _Param:
    def __init__(self, values, marks, id):
        self.values = values
        self.marks = marks if isinstance(marks, (list, tuple)) else [marks]
        self.id = id


def param(*values, marks=(), id=None):
    return _Param(values, marks, id)


class _Mark:
    """One mark: a decorator. Kept on the function or class in ``pytestmark``."""

    def __init__(self, name, args=(), kwargs=None):
        self.name = name
        self.args = args
        self.kwargs = kwargs or {}

    def __call__(self, *args, **kwargs):
        if len(args) == 1 and not kwargs and callable(args[0]):
            marked = args[0]
            own = marked.__dict__.get("pytestmark", []) if hasattr(marked, "__dict__") else []
            marked.pytestmark = [*own, self]
            return marked
        return _Mark(self.name, args, kwargs)


class _Marks:
    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return _Mark(name)


mark = _Marks()


class _Fixture:
    def __init__(self, function, name, autouse, scope, params):
        self.function = function
        self.name = name or function.__name__
        self.autouse = autouse
        self.scope = scope
        self.params = params
        self.__name__ = function.__name__

    def __call__(self, *args, **kwargs):
        fail(f'Fixture "{self.name}" called directly. Name it as a parameter of the test instead.')


_testing.Fixture = _Fixture


def fixture(function=None, *, scope="function", params=None, autouse=False, ids=None, name=None):
    """A function that makes an argument of tests; what follows its ``yield`` is run when the test is done."""
    if function is None:
        return lambda one: _Fixture(one, name, autouse, scope, params)
    return _Fixture(function, name, autouse, scope, params)


class approx:
    """A number that is equal to others that are near it; also in lists and dicts."""

    __array_ufunc__ = None

    def __init__(self, expected, rel=None, abs=None, nan_ok=False):
        self.expected = expected
        self.rel = 1e-6 if rel is None else rel
        self.abs = 1e-12 if abs is None else abs
        self.only_abs = abs is not None and rel is None
        self.nan_ok = nan_ok

    def _near(self, actual, expected):
        if isinstance(expected, dict):
            return (
                isinstance(actual, dict)
                and actual.keys() == expected.keys()
                and all(self._near(actual[key], value) for key, value in expected.items())
            )
        if isinstance(expected, (list, tuple)):
            return len(actual) == len(expected) and all(map(self._near, actual, expected))
        if actual == expected:
            return True
        try:
            if actual != actual and expected != expected:
                return self.nan_ok
            size = expected if expected >= 0 else -expected
            tolerance = self.abs if self.only_abs else max(self.rel * size, self.abs)
            return -tolerance <= actual - expected <= tolerance
        except TypeError:
            return False

    def __eq__(self, actual):
        return self._near(actual, self.expected)

    def __ne__(self, actual):
        return not self == actual

    __hash__ = None

    def __repr__(self):
        return f"approx({self.expected!r})"


def main(args=None, plugins=None):
    """Runs the tests of the script; returns the exit code."""
    return _testing.run_main([one for one in args or () if one.startswith("-")])
