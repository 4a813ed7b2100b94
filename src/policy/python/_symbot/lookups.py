"""What a file names and what is there: imports, names without a definition, attributes of modules."""

import ast
import difflib
import enum
import types

import sym.sdk
import sym.sdk.annotations
import sym.sdk.exceptions
import sym.sdk.forms
import sym.sdk.integrations
import sym.sdk.notifications
import sym.sdk.strategies
import sym.sdk.templates
import sym.sdk.user
import sym.sdk.utils

from . import imports

# Where names that files use without importing them come from.
PREDEFINED = {
    "slack": "from sym.sdk.integrations import slack",
    "user": "from sym.sdk.integrations.sym import get_or_create_user_by_email",
    "user_ids": "from sym.sdk.user import user_ids",
    "persist_user_identity": "from sym.sdk.utils import persist_user_identity",
}
_HOMES = (
    sym.sdk.annotations,
    sym.sdk.notifications,
    sym.sdk.templates,
    sym.sdk,
    sym.sdk.exceptions,
    sym.sdk.forms,
    sym.sdk.strategies,
    sym.sdk.user,
    sym.sdk.utils,
    sym.sdk.integrations,
)
_CAUGHT = frozenset(["ImportError", "ModuleNotFoundError", "Exception", "BaseException"])


def _home(name):
    """The import that a public name of the SDK, or a module, needs."""
    for module in _HOMES:
        if name in getattr(module, "__all__", ()):
            return f"from {module.__name__} import {name}"
    return f"import {name}" if name in imports.ALLOWED and not name.startswith("_") else None


def _close(name, others, alike=0.6):
    close = difflib.get_close_matches(name, [one for one in others if not one.startswith("_")], 1, alike)
    return f"did you mean '{close[0]}'?" if close else None


def check_names(names, known, loaded, report):
    """Reports names that are read where nothing defines them. `loaded` are the names that the module ended up with, if it did."""
    if names.star and loaded is None:
        return
    for name, node in names.unresolved(known | set(loaded or ())).items():
        owner = names.owner(name)
        if name in PREDEFINED:
            report(False, node, f"'{name}' is used without being imported; it works here, but import it", PREDEFINED[name])
        elif owner is not None:
            line = owner.bound[name].lineno
            text = f"'{name}' is not defined here, only inside of '{owner.name}' (line {line}): using it raises a NameError"
            report(False, node, text, _home(name))
        else:
            text = f"'{name}' is not defined in this file: using it raises a NameError"
            report(False, node, text, _home(name) or _close(name, (names.all_bound() | known | imports.ALLOWED) - {name}))


class _Imports(ast.NodeVisitor):
    """The imports of a file that run, each with whether the module itself runs it."""

    def __init__(self):
        self.found = []
        self.depth = 0

    def visit_Import(self, node):
        self.found.append((node, self.depth == 0))

    visit_ImportFrom = visit_Import

    def _inner(self, node):
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _inner

    def visit_Try(self, node):
        caught = {
            getattr(one, "attr", None) or getattr(one, "id", None)
            for handler in node.handlers
            for one in (getattr(handler.type, "elts", None) or [handler.type])
        }
        # Such an import may fail.
        if not caught & _CAUGHT and not any(handler.type is None for handler in node.handlers):
            for one in node.body:
                self.visit(one)
        for one in [*node.handlers, *node.orelse, *node.finalbody]:
            self.visit(one)

    def visit_If(self, node):
        test = getattr(node.test, "attr", None) or getattr(node.test, "id", None)
        # Only type checkers run this.
        for one in node.orelse if test == "TYPE_CHECKING" else [*node.body, *node.orelse]:
            self.visit(one)


def check_imports(tree, report):
    """Reports imports that fail: errors where the module runs them, warnings in functions."""
    visitor = _Imports()
    visitor.visit(tree)
    for node, at_once in visitor.found:
        for text, hint in _failures(node):
            report(at_once, node, f"ImportError: {text}", hint)


def _failures(node):
    if isinstance(node, ast.Import):
        for alias in node.names:
            _, failure = _imported(alias.name)
            if failure:
                yield failure
        return
    if node.level:
        yield "an implementation is a file of its own: nothing can be imported from beside it", None
        return
    module, failure = _imported(node.module)
    if failure:
        yield failure
        return
    for alias in node.names:
        if alias.name == "*" or hasattr(module, alias.name):
            continue
        if _imported(f"{node.module}.{alias.name}")[1]:
            yield (
                f"cannot import name '{alias.name}' from '{node.module}'",
                _home(alias.name) or _close(alias.name, dir(module)),
            )


def _imported(name):
    """The module, or why it cannot be imported, with a hint."""
    try:
        return imports.guarded_import(name, None, None, ("__name__",)), None
    except ImportError as error:
        root = name.partition(".")[0]
        return None, (str(error), None if root in imports.ALLOWED else _close(root, imports.ALLOWED, 0.8))


def check_attributes(tree, names, scope, report):
    """Reports attributes that modules and enumerations do not have, where the file names them directly."""
    reads = {id(node) for node in names.of_module()}
    seen = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = _value(node.value, reads, scope)
        is_module = isinstance(owner, types.ModuleType)
        is_listed = isinstance(owner, type) and (
            issubclass(owner, enum.Enum) or owner.__module__.startswith("sym.sdk.templates")
        )
        if not (is_module or is_listed) or not isinstance(node.ctx, ast.Load) or hasattr(owner, node.attr):
            continue
        text = ast.unparse(node.value)
        if (text, node.attr) not in seen:
            seen.add((text, node.attr))
            message = f"'{text}' has no '{node.attr}': using it raises an AttributeError"
            report(False, node, message, _close(node.attr, dir(owner)))


def _value(node, reads, scope):
    """What a name, or a chain of modules, stands for."""
    if isinstance(node, ast.Name):
        return scope.get(node.id) if id(node) in reads else None
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, reads, scope)
        if isinstance(owner, types.ModuleType):
            return getattr(owner, node.attr, None)
    return None
