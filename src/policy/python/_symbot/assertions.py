"""What a failed ``assert`` says: the values that were compared, and where they differ.

:func:`rewritten` changes the ``assert`` statements of a script before it is compiled, for ``symbot python --test``.
"""

import ast
import difflib

REPR_MAX_CHARACTERS = 400
DIFFERENCES_MAX = 20

_OPERATORS = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


def _shown(value):
    try:
        text = repr(value)
    except Exception as error:
        return f"<{type(value).__name__}, whose repr() raised {type(error).__name__}>"
    return text if len(text) <= REPR_MAX_CHARACTERS else text[: REPR_MAX_CHARACTERS - 1] + "…"


def compared(left, operator, right):
    """Both sides of a comparison that did not hold, and for ``==`` where they differ."""
    lines = [f"{_shown(left)} {operator} {_shown(right)}"]
    if operator == "==":
        lines.extend(f"  {line}" for line in _differences(left, right)[:DIFFERENCES_MAX])
    return "\n".join(lines)


def _differences(left, right):
    if isinstance(left, str) and isinstance(right, str) and ("\n" in left or "\n" in right):
        return list(difflib.unified_diff(right.splitlines(), left.splitlines(), "right", "left", lineterm=""))[2:]
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        for index, (one, other) in enumerate(zip(left, right)):
            if one != other:
                return [f"at index {index}: {_shown(one)} != {_shown(other)}"]
        if len(left) != len(right):
            more, side = (left, "left") if len(left) > len(right) else (right, "right")
            return [f"{side} has {abs(len(left) - len(right))} more, first: {_shown(more[min(len(left), len(right))])}"]
    if isinstance(left, dict) and isinstance(right, dict):
        lines = [f"only left: {_shown(key)}: {_shown(left[key])}" for key in left if key not in right]
        lines += [f"only right: {_shown(key)}: {_shown(right[key])}" for key in right if key not in left]
        return lines + [
            f"at {_shown(key)}: {_shown(left[key])} != {_shown(right[key])}"
            for key in left
            if key in right and left[key] != right[key]
        ]
    if isinstance(left, (set, frozenset)) and isinstance(right, (set, frozenset)):
        return [f"only left: {_shown(left - right)}", f"only right: {_shown(right - left)}"]
    return []


def explain(text, values, message):
    """The message of an ``AssertionError``: the condition, the values in it, and what the author wrote."""
    parts = [f"{_shown_message(message)}\n" if message is not None else "", f"assert {text}"]
    if values:
        parts.append("\n" + compared(*values))
    return "".join(parts)


def _shown_message(message):
    return message if isinstance(message, str) else _shown(message)


class _Rewriter(ast.NodeTransformer):
    def __init__(self, source):
        self.source = source
        self.count = 0

    def _name(self):
        self.count += 1
        return f"_symbot_assert_{self.count}"

    def visit_Assert(self, node):
        self.generic_visit(node)
        text = " ".join((ast.get_source_segment(self.source, node.test) or "…").split())
        before, test, values = [], node.test, None
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            names = [self._name(), self._name()]
            for name, side in zip(names, (test.left, test.comparators[0])):
                before.append(ast.Assign([ast.Name(name, ast.Store())], side))
            left, right = (ast.Name(name, ast.Load()) for name in names)
            test = ast.Compare(left, test.ops, [right])
            values = ast.Tuple(
                [
                    ast.Name(names[0], ast.Load()),
                    ast.Constant(_OPERATORS[type(node.test.ops[0])]),
                    ast.Name(names[1], ast.Load()),
                ],
                ast.Load(),
            )
        elif not isinstance(test, (ast.BoolOp, ast.Constant, ast.Compare)):
            turned = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
            inner = test.operand if turned else test
            name = self._name()
            before.append(ast.Assign([ast.Name(name, ast.Store())], inner))
            test = ast.Name(name, ast.Load())
            if turned:
                test = ast.UnaryOp(ast.Not(), test)
            values = ast.Tuple(
                [
                    ast.Name(name, ast.Load()),
                    ast.Constant("is" if turned else "is not"),
                    ast.Name("_symbot_true", ast.Load()),
                ],
                ast.Load(),
            )
        message = ast.Call(
            ast.Name("_symbot_explain", ast.Load()),
            [ast.Constant(text), values or ast.Constant(None), node.msg or ast.Constant(None)],
            [],
        )
        raising = ast.Raise(ast.Call(ast.Name("AssertionError", ast.Load()), [message], []), None)
        statements = [*before, ast.If(ast.UnaryOp(ast.Not(), test), [raising], [])]
        for statement in statements:
            ast.copy_location(statement, node)
            for inner in ast.walk(statement):
                if not hasattr(inner, "lineno") and "lineno" in getattr(inner, "_attributes", ()):
                    ast.copy_location(inner, node)
        return [ast.fix_missing_locations(statement) for statement in statements]


class _True:
    def __repr__(self):
        return "true"


NAMES = {"_symbot_explain": explain, "_symbot_true": _True()}


def rewritten(source, file):
    """The tree of a source whose ``assert`` statements say what they compared."""
    return ast.fix_missing_locations(_Rewriter(source).visit(ast.parse(source, file)))
