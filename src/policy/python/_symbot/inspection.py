"""What `symbot check` wants to know of a file: handlers, and everything that would surprise its author at run time."""

import ast
import builtins
import difflib

from . import driver, lookups, names, scopes

_DECORATORS = ("reducer", "hook", "prefetch")
_MODULE_NAMES = frozenset(["__name__", "__file__", "__doc__", "__builtins__", "__annotations__", "__class__"])
_KNOWN = frozenset(vars(builtins)) | _MODULE_NAMES
# Flags of code objects: `*args`; a coroutine, or an asynchronous generator.
_VARARGS = 0x04
_ASYNC = 0x80 | 0x200
# How much alike a name is that was probably meant to be a handler's.
_ALIKE = 0.8


def _decorators(function):
    for decorator in function.decorator_list:
        while isinstance(decorator, ast.Call):
            decorator = decorator.func
        yield decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", None)


def _column(node):
    return node.col_offset + 1


class _Report:
    """Problems as they are found."""

    def __init__(self):
        self.problems = []

    def __call__(self, error, node, message, hint=None):
        line, column = (node.lineno, _column(node)) if hasattr(node, "lineno") else node
        self.problems.append({"error": error, "line": line, "column": column, "message": message, "hint": hint})

    def is_told(self, line):
        return any(problem["line"] == line for problem in self.problems)

    def answer(self, handlers=(), prefetch=None, on_change=()):
        """What the host gets; `prefetch` is None where it is not known."""
        self.problems.sort(key=lambda problem: (problem["line"], problem["column"]))
        return {"handlers": list(handlers), "problems": self.problems, "prefetch": prefetch, "on_change": list(on_change)}


def inspect(file, source):
    report = _Report()
    try:
        tree = ast.parse(source, file)
        seen = scopes.Names(tree)
        scope = driver.load(file, source)
    except SyntaxError as error:
        report(True, (error.lineno or 1, max(error.offset or 1, 1)), f"{error.msg}")
        return report.answer()
    except driver.Ended as ended:
        failure = ended.failure
        if failure["kind"] == "syntax":
            report(True, (failure["line"] or 1, 1), failure["message"])
            return report.answer()
        _unloaded(tree, seen, failure, report)
        return report.answer()

    found = driver.handlers_of(scope)
    functions = {node.name: node for node in scopes.functions(tree)}
    handlers = [name for name, (kind, _, _) in found.items() if kind != "prefetch" and names.KIND_OF.get(name) == kind]
    prefetch = []

    for name, (kind, function, field) in found.items():
        node = functions.get(name, (1, 1))
        expected = names.KIND_OF.get(name)
        if kind == "prefetch":
            line, column = (node.lineno, _column(node)) if hasattr(node, "lineno") else node
            prefetch.append({"field": str(field), "function": name, "line": line, "column": column})
            twice = [one for one, (other, _, same) in found.items() if other == kind and same == field]
            if len(twice) > 1 and twice[-1] == name:
                report(True, node, f"there are several prefetch reducers for the field '{field}': {', '.join(twice)}", "keep one of them")
        elif expected is None:
            close = _handler_like(name, 0.6)
            report(
                False,
                node,
                f"'{name}' is not the name of a {kind}: it is never called",
                f"did you mean '{close}'?" if close else None,
            )
        elif expected != kind:
            report(True, node, f"'{name}' is a {expected}, but is decorated with @{kind}", f"use @{expected}")
        elif name in names.LATER:
            report(
                False,
                node,
                f"this version of symbot has nothing to call the {kind} '{name}' for yet: {names.LATER[name]}",
                "it may stay; `symbot test` calls it",
            )
    for name, node in functions.items():
        if name not in found and not any(one in _DECORATORS for one in _decorators(node)):
            _undecorated(name, node, seen, report)
        if isinstance(node, ast.AsyncFunctionDef) and name in found:
            report(True, node, f"'{name}' is an async function; handlers are plain functions")
    _check_parameters(found, functions, report)
    if "get_approvers" in handlers and "get_permissions" in handlers:
        report(
            False,
            functions.get("get_approvers", (1, 1)),
            "'get_approvers' is never called, because get_permissions is defined",
            "return its destinations from get_request_notifications",
        )
    _check_repeated(tree, report)
    lookups.check_names(seen, _KNOWN, scope, report)
    lookups.check_imports(tree, report)
    lookups.check_attributes(tree, seen, scope, report)
    return report.answer(handlers, prefetch, _faults_of_changes(scope, functions))


def _unloaded(tree, seen, failure, report):
    """A file that raises when it is run: what is wrong with it all the same."""
    lookups.check_imports(tree, report)
    line = failure["line"] or 1
    if not report.is_told(line):
        words = (failure["exception"], failure["message"])
        report(True, (line, 1), ": ".join(word for word in words if word))

    def elsewhere(error, node, message, hint=None):
        if node.lineno != line:
            report(error, node, message, hint)

    lookups.check_names(seen, _KNOWN, None, elsewhere)
    for node in scopes.functions(tree):
        if not any(one in _DECORATORS for one in _decorators(node)):
            _undecorated(node.name, node, seen, report)


def _handler_like(name, alike):
    close = difflib.get_close_matches(name.lower(), names.KIND_OF, 1, alike)
    return close[0] if close else None


def _undecorated(name, node, seen, report):
    """A function without a decorator that was perhaps meant to be a handler."""
    if name in names.KIND_OF:
        kind = names.KIND_OF[name]
        report(
            False,
            node,
            f"'{name}' has the name of a {kind} but no decorator: it is never called",
            f"add @{kind} above it if it should be",
        )
        return
    close = None if seen.is_read(name) else _handler_like(name, _ALIKE)
    if close:
        kind = names.KIND_OF[close]
        report(
            False,
            node,
            f"'{name}' is nearly the name of the {kind} '{close}', and nothing calls it",
            f"name it {close} and add @{kind} above it if it should be",
        )


def _check_repeated(tree, report):
    """Python keeps the last definition of a name."""
    last = {}
    for node in scopes.functions(tree):
        if node.name in names.KIND_OF and node.name in last and node in tree.body and last[node.name] in tree.body:
            text = f"'{node.name}' is defined again in line {node.lineno}: this one is never called"
            report(False, last[node.name], text, "keep one of them")
        last[node.name] = node


def _check_parameters(found, functions, report):
    """Most reducers and hooks are called with the event alone."""
    for name, (kind, function, _) in found.items():
        if kind != "prefetch" and name not in names.KIND_OF:
            continue
        node = functions.get(name)
        if node is None:
            continue
        arguments = node.args
        most = len(arguments.posonlyargs) + len(arguments.args)
        least = most - len(arguments.defaults)
        needs_keyword = any(default is None for default in arguments.kw_defaults)
        called = names.PREFETCH if kind == "prefetch" else name
        if needs_keyword or not _takes(called, least, None if arguments.vararg else most):
            report(True, node, f"'{name}' must take {_wanted(called)}")


def _takes(name, least, most):
    """Whether a function of so many parameters can be called as this handler; `most` is None where it takes any number."""
    return least <= len(names.arguments(name)) and (most is None or most >= names.needed(name))


def _wanted(name):
    given = names.arguments(name)
    return "one argument, the event" if len(given) == 1 else f"the arguments {', '.join(given)}"


def _faults_of_changes(scope, functions):
    """What is wrong with `on_change_<field>`, as pairs of name and problem; whether a field has it, the host knows."""
    report = _Report()
    for name, value in scope.items():
        if not name.startswith(names.ON_CHANGE):
            continue
        fault = _fault_of_change(name, value)
        if fault is not None:
            report(True, functions.get(name, (1, 1)), f"'{name}' {fault}")
            yield name, report.problems[-1]


def _fault_of_change(name, value):
    if not callable(value):
        return "is not a function"
    code = getattr(value, "__code__", None)
    if code is None or hasattr(value, "__wrapped__"):
        return None
    if code.co_flags & _ASYNC:
        return "is an async function; handlers are plain functions"
    least = code.co_argcount - len(value.__defaults__ or ())
    needs_keyword = code.co_kwonlyargcount > len(value.__kwdefaults__ or ())
    most = None if code.co_flags & _VARARGS else code.co_argcount
    if needs_keyword or not _takes(name, least, most):
        return f"must take {_wanted(name)}"
    return None
