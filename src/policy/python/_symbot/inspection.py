"""What `symbot check` wants to know of a file: handlers, and everything that would surprise its author at run time."""

import ast
import builtins
import difflib

from . import driver, names

# Where names that files use without importing them come from.
IMPORTS = {
    "slack": "from sym.sdk.integrations import slack",
    "user": "from sym.sdk.integrations.sym import get_or_create_user_by_email",
    "user_ids": "from sym.sdk.user import user_ids",
    "persist_user_identity": "from sym.sdk.utils import persist_user_identity",
}
_DECORATORS = ("reducer", "hook", "prefetch")
_MODULE_NAMES = frozenset(["__name__", "__file__", "__doc__", "__builtins__", "__annotations__"])


class _Names(ast.NodeVisitor):
    """Every name that the file binds anywhere, and the first place where each is read."""

    def __init__(self):
        self.bound = set()
        self.read = {}
        self.star = False

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self.read.setdefault(node.id, node)
        else:
            self.bound.add(node.id)

    def _definition(self, node):
        self.bound.add(node.name)
        self.generic_visit(node)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _definition

    def visit_arg(self, node):
        self.bound.add(node.arg)
        self.generic_visit(node)

    def visit_alias(self, node):
        if node.name == "*":
            self.star = True
        else:
            self.bound.add(node.asname or node.name.partition(".")[0])

    def visit_ExceptHandler(self, node):
        if node.name:
            self.bound.add(node.name)
        self.generic_visit(node)

    def visit_Global(self, node):
        self.bound.update(node.names)

    visit_Nonlocal = visit_Global

    def visit_MatchAs(self, node):
        if node.name:
            self.bound.add(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node):
        if node.rest:
            self.bound.add(node.rest)
        self.generic_visit(node)

    def visit_TypeVar(self, node):
        self.bound.add(node.name)
        self.generic_visit(node)


def _decorators(function):
    for decorator in function.decorator_list:
        while isinstance(decorator, ast.Call):
            decorator = decorator.func
        yield decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", None)


def _column(node):
    return node.col_offset + 1


def inspect(file, source):
    problems = []

    def report(error, node, message, hint=None):
        line, column = (node.lineno, _column(node)) if hasattr(node, "lineno") else node
        problems.append({"error": error, "line": line, "column": column, "message": message, "hint": hint})

    try:
        tree = ast.parse(source, file)
        scope = driver.load(file, source)
    except SyntaxError as error:
        report(True, (error.lineno or 1, max(error.offset or 1, 1)), f"{error.msg}")
        return {"handlers": [], "problems": problems}
    except driver.Ended as ended:
        failure = ended.failure
        column = 1
        text = failure["message"] if failure["kind"] == "syntax" else f"{failure['exception']}: {failure['message']}"
        report(True, (failure["line"] or 1, column), text)
        return {"handlers": [], "problems": problems}

    found = driver.handlers_of(scope)
    functions = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    handlers = [name for name, (kind, _, _) in found.items() if kind != "prefetch" and names.KIND_OF.get(name) == kind]

    for name, (kind, function, field) in found.items():
        node = functions.get(name, (1, 1))
        expected = names.KIND_OF.get(name)
        if kind == "prefetch":
            twice = [one for one, (other, _, same) in found.items() if other == kind and same == field]
            if len(twice) > 1 and twice[-1] == name:
                report(True, node, f"there are several prefetch reducers for the field '{field}': {', '.join(twice)}", "keep one of them")
        elif expected is None:
            close = difflib.get_close_matches(name, names.KIND_OF, 1)
            report(
                False,
                node,
                f"'{name}' is not the name of a {kind}: it is never called",
                f"did you mean '{close[0]}'?" if close else None,
            )
        elif expected != kind:
            report(True, node, f"'{name}' is a {expected}, but is decorated with @{kind}", f"use @{expected}")
        elif name in names.LATER:
            report(
                False,
                node,
                f"this version of symbot has nothing to call the {kind} '{name}' for yet: {names.LATER[name]}",
                "the file works without it",
            )
        elif name not in names.CALLED:
            report(
                True,
                node,
                f"this version of symbot does not call the {kind} '{name}' yet; it would be skipped silently",
                "remove it, or wait for a version that calls it",
            )
    for name, node in functions.items():
        if name in names.KIND_OF and name not in found:
            if not any(one in _DECORATORS for one in _decorators(node)):
                report(
                    False,
                    node,
                    f"'{name}' has the name of a {names.KIND_OF[name]} but no decorator: it is never called",
                    f"add @{names.KIND_OF[name]} above it if it should be",
                )
        if isinstance(node, ast.AsyncFunctionDef) and name in found:
            report(True, node, f"'{name}' is an async function; handlers are plain functions")
    _check_parameters(found, functions, report)
    changes = [name for name in functions if name.startswith(names.ON_CHANGE)]
    if "get_permissions" not in handlers and (found or not changes):
        if "get_approvers" not in handlers and "get_flows" not in found:
            report(
                True,
                functions.get("get_permissions", (1, 1)),
                "get_permissions is missing: nobody could decide a request",
                "define get_permissions(event), decorated with @reducer, returning a RequestPermission",
            )
    if "get_approvers" in handlers and "get_permissions" in handlers:
        report(
            False,
            functions.get("get_approvers", (1, 1)),
            "'get_approvers' is never called, because get_permissions is defined",
            "return its destinations from get_request_notifications",
        )
    _check_names(tree, report)
    problems.sort(key=lambda problem: (problem["line"], problem["column"]))
    return {"handlers": handlers, "problems": problems}


def _check_parameters(found, functions, report):
    """Most reducers and hooks are called with the event alone."""
    for name, (kind, function, _) in found.items():
        if name not in names.CALLED:
            continue
        node = functions.get(name)
        if node is None:
            continue
        arguments = node.args
        most = len(arguments.posonlyargs) + len(arguments.args)
        least = most - len(arguments.defaults)
        needs_keyword = any(default is None for default in arguments.kw_defaults)
        given = names.arguments(name)
        if least > len(given) or needs_keyword or (most < 1 and arguments.vararg is None):
            wanted = "one argument, the event" if len(given) == 1 else f"the arguments {', '.join(given)}"
            report(True, node, f"'{name}' must take {wanted}")


def _check_names(tree, report):
    seen = _Names()
    seen.visit(tree)
    if seen.star:
        return
    known = set(vars(builtins)) | _MODULE_NAMES
    for name, node in seen.read.items():
        if name in seen.bound or name in known:
            continue
        if name in IMPORTS:
            report(False, node, f"'{name}' is used without being imported; it works here, but import it", IMPORTS[name])
        else:
            report(False, node, f"'{name}' is not defined in this file: using it raises a NameError")
