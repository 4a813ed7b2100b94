"""Runs the tests of a script, for ``symbot python --test``: a small part of what pytest does.

:func:`run` collects functions ``test*``, classes ``Test*`` and ``TestCase``s of a namespace, runs each with its parameters
and fixtures, prints a line for each and what went wrong, and returns the exit code. How a failed ``assert`` reads is
prepared by :mod:`_symbot.assertions` when the script is compiled.
"""

import io
import sys

from . import tracebacks
from .assertions import compared  # noqa: F401  (for unittest)

# Set by the modules of these names, when a script imports them.
Fixture = ()
TestCase = ()

# Whether the script has run its tests itself.
ran = False


class Skipped(Exception):
    """A test that says that it cannot be run here."""


class _Wrong(Exception):
    """A test that cannot be run as it is written."""


class Test:
    """One call of a test function: with its values for the parameters, and the marks that count."""

    def __init__(self, name, function, values=None, marks=(), owner=None):
        self.name = name
        self.function = function
        self.values = values or {}
        self.marks = list(marks)
        self.owner = owner

    def mark(self, name):
        return next((one for one in self.marks if one.name == name), None)


def _marks(thing):
    marks = getattr(thing, "pytestmark", [])
    return list(marks) if isinstance(marks, (list, tuple)) else [marks]


def collect(namespace):
    """All tests, in the order in which they are written."""
    tests = []
    general = _marks_of_module(namespace)
    for name, value in list(namespace.items()):
        if isinstance(value, type):
            if TestCase and issubclass(value, TestCase) and value is not TestCase:
                tests.extend(_of_case(name, value, general))
            elif name.startswith("Test") and value.__module__ == namespace.get("__name__"):
                tests.extend(_of_class(name, value, general))
        elif name.startswith("test") and callable(value) and not isinstance(value, Fixture):
            tests.extend(_with_parameters(name, value, general + _marks(value), None))
    return tests


def _marks_of_module(namespace):
    marks = namespace.get("pytestmark", [])
    return list(marks) if isinstance(marks, (list, tuple)) else [marks]


def _methods(cls):
    found = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if name.startswith("test") and callable(value):
                found[name] = value
    return found


def _of_class(name, cls, general):
    if cls.__init__ is not object.__init__:
        raise _Wrong(f"{name} is not collected: a class of tests has no __init__")
    for method, function in _methods(cls).items():
        yield from _with_parameters(f"{name}::{method}", function, general + _marks(cls) + _marks(function), cls)


def _of_case(name, cls, general):
    for method, function in _methods(cls).items():
        yield Test(f"{name}::{method}", function, marks=general + _marks(cls) + _marks(function), owner=cls)


def _with_parameters(name, function, marks, owner):
    """A test for each combination of values that ``parametrize`` gives."""
    combinations = [("", {}, [])]
    for mark in marks:
        if mark.name != "parametrize":
            continue
        names, rows = _names(mark), mark.args[1] if len(mark.args) > 1 else mark.kwargs["argvalues"]
        ids = mark.kwargs.get("ids")
        added = []
        for index, row in enumerate(rows):
            own_marks, own_id = [], None
            if hasattr(row, "marks") and hasattr(row, "values") and hasattr(row, "id"):
                own_marks, own_id, values = row.marks, row.id, row.values
            else:
                values = (row,) if len(names) == 1 else tuple(row)
            if len(values) != len(names):
                raise _Wrong(f"{name}: {len(names)} parameters {names}, but {len(values)} values {values!r}")
            if own_id is None and callable(ids):
                own_id = "-".join(str(ids(value)) for value in values)
            elif own_id is None and ids is not None:
                own_id = ids[index]
            added.append((own_id or "-".join(map(_id, values)), dict(zip(names, values)), own_marks))
        combinations = [
            (f"{one_id}-{id}" if id else one_id, {**values, **more}, [*own, *more_marks])
            for id, values, own in combinations
            for one_id, more, more_marks in added
        ]
    for id, values, own in combinations:
        yield Test(f"{name}[{id}]" if id else name, function, values, [*own, *marks], owner)


def _names(mark):
    names = mark.args[0] if mark.args else mark.kwargs["argnames"]
    return [one.strip() for one in names.split(",")] if isinstance(names, str) else list(names)


def _id(value):
    if isinstance(value, (str, int, float, bool, type(None))):
        return str(value)[:40]
    return getattr(value, "__name__", type(value).__name__)


class _Captured:
    """``capsys``: what was printed since the last look."""

    def __init__(self, out, err):
        self._out, self._err = out, err

    def readouterr(self):
        texts = []
        for stream in (self._out, self._err):
            texts.append(stream.getvalue())
            stream.seek(0)
            stream.truncate()
        return _Texts(*texts)


class _Texts(tuple):
    def __new__(cls, out, err):
        return tuple.__new__(cls, (out, err))

    out = property(lambda self: self[0])
    err = property(lambda self: self[1])


_MISSING = object()


class MonkeyPatch:
    """``monkeypatch``: changes that are taken back after the test."""

    def __init__(self):
        self._undo = []

    def setattr(self, target, name, value=_MISSING, raising=True):
        if value is _MISSING:
            from unittest.mock import _find

            value, (path, _, name) = name, target.rpartition(".")
            target = _find(path)
        old = vars(target).get(name, _MISSING) if isinstance(target, type) else getattr(target, name, _MISSING)
        if raising and not hasattr(target, name):
            raise AttributeError(f"{target!r} has no attribute {name!r}")
        self._undo.append(lambda: delattr(target, name) if old is _MISSING else setattr(target, name, old))
        setattr(target, name, value)

    def delattr(self, target, name, raising=True):
        old = getattr(target, name, _MISSING)
        if old is _MISSING:
            if raising:
                raise AttributeError(name)
            return
        self._undo.append(lambda: setattr(target, name, old))
        delattr(target, name)

    def setitem(self, mapping, name, value):
        old = mapping.get(name, _MISSING)
        self._undo.append(lambda: mapping.pop(name, None) if old is _MISSING else mapping.__setitem__(name, old))
        mapping[name] = value

    def delitem(self, mapping, name, raising=True):
        if name not in mapping:
            if raising:
                raise KeyError(name)
            return
        old = mapping.pop(name)
        self._undo.append(lambda: mapping.__setitem__(name, old))

    def undo(self):
        while self._undo:
            self._undo.pop()()


class _Fixtures:
    """The arguments of one test, made when they are asked for; `wide` are those that several tests share."""

    def __init__(self, namespace, owner, instance, out, err, wide):
        self.known = dict(wide["fixtures"])
        self.known.update({one.name: one for one in namespace.values() if isinstance(one, Fixture)} if Fixture else {})
        if owner is not None and Fixture:
            for base in reversed(owner.__mro__):
                self.known.update({one.name: one for one in vars(base).values() if isinstance(one, Fixture)})
        self.instance = instance
        self.made = {}
        self.ends = []
        self.wide = wide
        self.streams = (out, err)

    def get(self, name, asked=()):
        if name in self.made:
            return self.made[name]
        if name == "monkeypatch":
            self.made[name] = patches = MonkeyPatch()
            self.ends.append(patches.undo)
            return patches
        if name == "capsys":
            self.made[name] = _Captured(*self.streams)
            return self.made[name]
        if name not in self.known:
            known = ", ".join(sorted([*self.known, "capsys", "monkeypatch"]))
            raise _Wrong(f"fixture '{name}' not found; there are: {known}")
        if name in asked:
            raise _Wrong(f"fixture '{name}' needs itself: {' -> '.join([*asked, name])}")
        fixture = self.known[name]
        if fixture.params is not None:
            raise _Wrong(f"fixture '{name}' has params, which this runner does not know; use mark.parametrize")
        shared = fixture.scope != "function"
        if shared and fixture in self.wide["made"]:
            return self.wide["made"][fixture]
        names = _parameters(fixture.function)
        method = bool(names) and names[0] == "self"
        given = {one: self.get(one, (*asked, name)) for one in names[method:]}
        value = fixture.function(self.instance, **given) if method else fixture.function(**given)
        if hasattr(value, "__next__") and hasattr(value, "gi_frame"):
            generator, value = value, next(value)
            (self.wide["ends"] if shared else self.ends).append(lambda: next(generator, None))
        self.made[name] = value
        if shared:
            self.wide["made"][fixture] = value
        return value

    def autouse(self):
        for name, fixture in self.known.items():
            if fixture.autouse:
                self.get(name)

    def end(self):
        while self.ends:
            self.ends.pop()()


def _parameters(function):
    """Names of the parameters that have no default, without those that ``patch`` fills."""
    inner, filled = function, 0
    while True:
        filled += sum(1 for one in getattr(inner, "patchings", ()) if type(getattr(one, "new", None)).__name__ == "_Named")
        wrapped = getattr(inner, "__wrapped__", None)
        if wrapped is None:
            break
        inner = wrapped
    code = inner.__code__
    names = code.co_varnames[: code.co_argcount]
    names = names[: len(names) - len(inner.__defaults__ or ())] + code.co_varnames[
        code.co_argcount : code.co_argcount + code.co_kwonlyargcount
    ]
    method = names[:1] == ("self",)
    return [*names[:method], *names[method + filled :]]


class Result:
    """How one test ended: ``passed``, ``failed``, ``skipped``, ``xfailed``; with the error and what was printed."""

    def __init__(self, test):
        self.test = test
        self.outcome = "passed"
        self.error = None
        self.reason = ""
        self.printed = ""


def run_one(test, namespace, wide):
    result = Result(test)
    out, err = io.StringIO(), io.StringIO()
    streams = sys.stdout, sys.stderr
    skip = test.mark("skip")
    for mark in test.marks:
        if mark.name == "skipif" and (mark.args[0] if mark.args else mark.kwargs.get("condition")):
            skip = mark
    case_skip = getattr(test.function, "__unittest_skip__", None) or getattr(test.owner, "__unittest_skip__", None)
    if skip is not None or case_skip:
        result.outcome = "skipped"
        reason = (skip.kwargs.get("reason") or (skip.args[-1] if skip.args else "")) if skip is not None else case_skip
        result.reason = str(reason)
        return result
    sys.stdout, sys.stderr = out, err
    try:
        _carry_out(test, namespace, out, err, wide)
    except Skipped as reason:
        result.outcome, result.reason = "skipped", str(reason)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        result.outcome, result.error = "failed", error
    finally:
        sys.stdout, sys.stderr = streams
    result.printed = out.getvalue() + err.getvalue()
    expected = test.mark("xfail")
    if expected is not None and result.outcome != "skipped" and (expected.args[:1] or (True,))[0]:
        kinds = expected.kwargs.get("raises", Exception)
        if result.outcome == "failed" and isinstance(result.error, kinds):
            result.outcome, result.reason = "xfailed", str(expected.kwargs.get("reason", ""))
        elif result.outcome == "passed" and expected.kwargs.get("strict"):
            result.outcome, result.error = "failed", AssertionError("[XPASS(strict)] it was expected to fail")
    return result


def _carry_out(test, namespace, out, err, wide):
    owner = test.owner
    if owner is not None and TestCase and issubclass(owner, TestCase):
        return _carry_out_case(test, owner)
    instance = owner() if owner is not None else None
    fixtures = _Fixtures(namespace, owner, instance, out, err, wide)
    try:
        fixtures.autouse()
        setup = getattr(instance, "setup_method", None) if owner is not None else namespace.get("setup_function")
        if setup is not None:
            setup(*[test.function][: setup.__code__.co_argcount - (owner is not None)])
        names = _parameters(test.function)
        usefixtures = [name for mark in test.marks if mark.name == "usefixtures" for name in mark.args]
        for name in usefixtures:
            fixtures.get(name)
        method = bool(names) and names[0] == "self"
        unknown = [name for name in test.values if name not in names and not _takes_any(test.function)]
        if unknown:
            raise _Wrong(f"the test has no parameter '{unknown[0]}'")
        given = {name: test.values[name] if name in test.values else fixtures.get(name) for name in names[method:]}
        if method:
            test.function(instance, **given)
        else:
            test.function(**given)
        teardown = getattr(instance, "teardown_method", None) if owner is not None else namespace.get("teardown_function")
        if teardown is not None:
            teardown(*[test.function][: teardown.__code__.co_argcount - (owner is not None)])
    finally:
        fixtures.end()


def _takes_any(function):
    code = getattr(function, "__code__", None)
    return hasattr(function, "__wrapped__") or code is not None and bool(code.co_flags & 0x08)


def _carry_out_case(test, owner):
    case = owner(test.function.__name__)
    owner.setUpClass()
    try:
        case.setUp()
        try:
            test.function(case)
        finally:
            case.tearDown()
    finally:
        case.doCleanups()
        owner.tearDownClass()


_LETTERS = {"passed": "PASSED", "failed": "FAILED", "skipped": "SKIPPED", "xfailed": "XFAIL"}


def run(namespace, file, arguments=(), conftest=None):
    """Runs all tests of a namespace and prints how they ended.

    ``arguments``: ``-k WORDS`` (names that contain one of them, ``not`` before a word turns it round), ``-x`` (stop at the
    first failure), ``-q`` (only what failed). The exit code: 0, or 1 when a test failed, or there is none.
    """
    global ran
    ran = True
    try:
        wanted, stop, quiet = _options(list(arguments))
        tests = [test for test in collect(namespace) if _is_wanted(test.name, wanted)]
    except _Wrong as error:
        print(f"{file}: {error}")
        return 1
    if not tests:
        print(f"{file}: no tests" + (f" whose names fit '{wanted}'" if wanted else ""))
        return 1
    wide = {"fixtures": {}, "made": {}, "ends": []}
    if conftest is not None and Fixture:
        wide["fixtures"] = {one.name: one for one in conftest.values() if isinstance(one, Fixture)}
    results = []
    for test in tests:
        result = run_one(test, namespace, wide)
        results.append(result)
        if not quiet:
            print(f"{file}::{test.name} {_LETTERS[result.outcome]}{f' ({result.reason})' if result.reason else ''}")
        if stop and result.outcome == "failed":
            break
    while wide["ends"]:
        wide["ends"].pop()()
    for result in results:
        if result.outcome == "failed":
            _report(result, file)
    if any(result.outcome == "failed" for result in results):
        print()
    counts = [
        f"{count} {outcome}"
        for outcome in ("failed", "passed", "skipped", "xfailed")
        if (count := sum(1 for result in results if result.outcome == outcome))
    ]
    print(", ".join(counts))
    return int(any(result.outcome == "failed" for result in results))


def _options(arguments):
    wanted, stop, quiet = None, False, False
    while arguments:
        one = arguments.pop(0)
        if one == "-k" and arguments:
            wanted = arguments.pop(0)
        elif one in ("-x", "--exitfirst"):
            stop = True
        elif one in ("-q", "--quiet"):
            quiet = True
        elif one not in ("-v", "-vv", "--verbose", "-s", "-p", "no:cacheprovider"):
            raise _Wrong(f"unknown option {one}; there are -k WORDS, -x, -q, -v")
    return wanted, stop, quiet


def _is_wanted(name, wanted):
    if not wanted:
        return True
    for choice in wanted.split(" or "):
        fits = True
        for word in choice.split(" and "):
            word = word.strip()
            turned = word.startswith("not ")
            fits = fits and (word.removeprefix("not ").strip().lower() in name.lower()) != turned
        if fits:
            return True
    return False


def _report(result, file):
    print(f"\n____ {result.test.name} ____")
    if result.test.values:
        print("with " + ", ".join(f"{name}={value!r}" for name, value in result.test.values.items()))
    if isinstance(result.error, _Wrong):
        print(f"E   {result.error}")
    else:
        for line in tracebacks.text_of(result.error, file).rstrip("\n").split("\n"):
            print(f"    {line}")
    if result.printed:
        print("printed:")
        for line in result.printed.rstrip("\n").split("\n"):
            print(f"    {line}")


def run_main(arguments):
    """`pytest.main` and `unittest.main` of a script."""
    from . import scripts

    return scripts.run_tests(arguments)
