"""Runs one request: the module in a fresh namespace, then the handlers that were asked for."""

import builtins
import contextvars
import random
import re
import sys
import types

import _symbot_host
from sym.sdk.integrations import slack
from sym.sdk.user import user_ids
from sym.sdk.utils import persist_user_identity

from . import arguments, current, events, identities, imports, names, refusals, registry, tracebacks
from . import results as results_of

current.find_identity = identities.find
_lap = _symbot_host.lap
_begin_handler = _symbot_host.begin_handler
_prints_to = _symbot_host.prints_to
MODULE_NAME = "impl"
PRINTED_MAX_CHARACTERS = 16_384
TRACEBACK_MAX_CHARACTERS = 8_192
MESSAGE_MAX_CHARACTERS = 2_000
RECURSION_LIMIT = 1_000
INT_DIGITS_MAX = 4_300

# Names that files use without importing them; any import or definition comes before these.
PREDEFINED = {
    "slack": slack,
    "user": events.find_user,
    "user_ids": user_ids,
    "persist_user_identity": persist_user_identity,
}
# Compiled patterns are found by their text: one request must not choose what another one finds. Each cache with what it
# holds when no request has run.
_PATTERN_CACHES = [(cache, dict(cache)) for cache in (re._cache, re._cache2)]
_BUILTINS = {**vars(builtins), "__import__": imports.guarded_import, **PREDEFINED}


class Printed:
    """Standard output of a call, cut at a stated size."""

    encoding = "utf-8"
    errors = "replace"
    closed = False

    def __init__(self, limit=PRINTED_MAX_CHARACTERS):
        self._parts = []
        self._left = limit
        self._cut = False

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if len(text) > self._left:
            self._cut = True
            if self._left > 0:
                self._parts.append(text[: self._left])
        elif text:
            self._parts.append(text)
        self._left = max(0, self._left - len(text))
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def isatty(self):
        return False

    def readable(self):
        return False

    def writable(self):
        return True

    def seekable(self):
        return False

    def text(self):
        return "".join(self._parts) + ("\n[cut]\n" if self._cut else "")


def _cut(text, limit):
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _text_of(function, value, limit):
    """`str(value)` or `repr(value)`, also where that raises."""
    try:
        return _cut(function(value), limit)
    except BaseException:
        return f"<{type(value).__name__}>"


class Ended(Exception):
    """A failure that is already described."""

    def __init__(self, failure):
        super().__init__(failure)
        self.failure = failure


def failure_of(error, handler, file):
    """What the host is told about an exception. Frames of the SDK's machinery are left out."""
    line = None
    steps = error.__traceback__
    while steps is not None:
        if steps.tb_frame.f_code.co_filename == file:
            line = steps.tb_lineno
        steps = steps.tb_next
    kind = "exception"
    message = _text_of(str, error, MESSAGE_MAX_CHARACTERS)
    if isinstance(error, SyntaxError) and error.filename == file:
        kind, line = "syntax", error.lineno
        message = _text_of(str, error.msg, MESSAGE_MAX_CHARACTERS)
    elif isinstance(error, SystemExit):
        message = f"the code asked to exit ({message})"
    return {
        "kind": kind,
        "handler": handler,
        "exception": type(error).__name__,
        "message": message,
        "file": file,
        "line": line,
        "traceback": _formatted(error, file),
    }


def _formatted(error, file):
    try:
        return _cut(tracebacks.text_of(error, file), TRACEBACK_MAX_CHARACTERS)
    except BaseException:
        return None


def namespace(file, name=MODULE_NAME):
    """A module of its own with builtins of its own."""
    module = types.ModuleType(name)
    module.__dict__.update(__builtins__=dict(_BUILTINS), __file__=file)
    return module


def begin(request, printed):
    """Puts everything back that one request may have left to the next."""
    sys.stdout = sys.stderr = printed
    sys.setrecursionlimit(RECURSION_LIMIT)
    sys.set_int_max_str_digits(INT_DIGITS_MAX)
    registry.records.clear()
    forget()
    current.outputs.update((request.get("input") or {}).get("outputs") or {})
    random.seed(int.from_bytes(_symbot_host.random_bytes(16), "little"))


def forget():
    """Nothing of a call stays for the next one."""
    current.event = None
    current.asking = False
    for known in (current.outputs, current.handlers, current.identities):
        known.clear()


def enter_decimal():
    """Gives a call a decimal context of its own."""
    module = sys.modules.get("decimal")
    if module is not None:
        module.setcontext(module.DefaultContext.copy())


def leave_decimal():
    """Makes the interpreter forget the decimal context of a call: it remembers the last one that was asked for."""
    module = sys.modules.get("decimal")
    if module is not None:
        module.getcontext()


def forget_zones():
    """Time zones are remembered by their names, with what code may have put there."""
    module = sys.modules.get("_zoneinfo")
    if module is not None:
        module.ZoneInfo.clear_cache()


def end():
    sys.stdout = sys.stderr = None
    sys.modules.pop(MODULE_NAME, None)
    registry.records.clear()
    forget()
    tracebacks.sources.clear()
    for cache, before in _PATTERN_CACHES:
        # Only what came is taken out: a cache that is as it was needs no second look by the host.
        if len(cache) != len(before) or cache != before:
            cache.clear()
            cache.update(before)
    forget_zones()


def load(file, source):
    """Runs the module; returns its namespace."""
    module = namespace(file)
    tracebacks.sources[file] = source
    try:
        code = _symbot_host.compile(source, file)
        sys.modules[MODULE_NAME] = module
        _lap(0)
        exec(code, module.__dict__)
        _lap(1)
    except BaseException as error:
        raise Ended(failure_of(error, None, file)) from None
    return module.__dict__


def _recorded(value):
    """The record of a decorated function, also below other decorators that keep `__wrapped__`."""
    for _ in range(16):
        for kind, function, field in registry.records:
            if function is value:
                return kind, field
        value = getattr(value, "__wrapped__", None)
        if value is None:
            return None
    return None


def handlers_of(scope):
    """Name -> (kind, function, field) of the decorated functions that the module ends up with."""
    found = {}
    for name, value in scope.items():
        if callable(value) and not isinstance(value, type):
            recorded = _recorded(value)
            if recorded is not None:
                found[name] = (recorded[0], value, recorded[1])
    return found


def call(request):
    """Answers a call: ``{"results": [[name, encoded]…]}`` or ``{"failure": …}``, and what was printed."""
    try:
        return contextvars.copy_context().run(_call, request)
    finally:
        leave_decimal()


def _call(request):
    printed = Printed()
    begin(request, printed)
    _prints_to(printed._parts)
    try:
        file = request["file"]
        enter_decimal()
        scope = load(file, request["source"])
        found = handlers_of(scope)
        current.handlers.update(found)
        results = []
        for name in request["handlers"]:
            entry = _handler(scope, found, name, file)
            if entry is None:
                continue
            function = entry[1]
            event = events.SDKEvent(request["input"])
            current.event = event
            try:
                given = arguments.of(name, function, event, request["input"])
                _begin_handler(name)
                value = function(*given)
                _lap(2)
                encoded = results_of.encode(name, value)
            except BaseException as error:
                raise Ended(failure_of(error, name, file)) from None
            results.append([name, encoded])
            if name in names.HOOKS and name.startswith("on_") and value is not None:
                break
        return {"results": results, "printed": printed.text()}
    except Ended as ended:
        return {"failure": ended.failure, "printed": printed.text()}
    finally:
        end()


def _handler(scope, found, name, file):
    """The entry of a handler: (kind, function, field); None where the module does not define it."""
    if name.startswith(names.PREFETCH):
        field = name[len(names.PREFETCH) :]
        fitting = [entry for entry in found.values() if entry[0] == "prefetch" and entry[2] == field]
        if len(fitting) > 1:
            message = f"several prefetch reducers for the field '{field}'; exactly one is possible"
            raise Ended({"kind": "wrong_result", "handler": name, "exception": None, "message": message, "file": file, "line": None, "traceback": None})
        return fitting[0] if fitting else None
    if name.startswith(names.ON_CHANGE):
        function = scope.get(name)
        return ("on_change", function, None) if callable(function) else None
    entry = found.get(name)
    if entry is not None and entry[0] == names.KIND_OF.get(name):
        return entry
    return None


def inspect(request):
    """Answers an inspection: names of handlers and problems."""
    from . import inspection

    printed = Printed()
    begin(request, printed)
    try:
        return inspection.inspect(request["file"], request["source"])
    finally:
        end()


def imports_of(code, inspecting):
    """What a worker loads before it runs a file that is new to it."""
    wanted = imports.imports_of(code)
    if inspecting and "_symbot.inspection" not in sys.modules:
        wanted.append("_symbot.inspection")
    return wanted


def loaded():
    """Called when modules were loaded, before they are recorded: what they make when it is first asked for, they make now."""
    leave_decimal()
    forget_zones()
    refusals.threads()
    _PATTERN_CACHES[:] = [(cache, dict(cache)) for cache, _ in _PATTERN_CACHES]


def script(request):
    """Runs a script of `symbot python`; the exit code."""
    from . import scripts

    return scripts.run(request)
