"""Names that a file reads without defining them where it reads them: the scopes of Python, without running anything.

Annotations are left out: they are evaluated only when something asks for them, which shows when the file is loaded.
"""

import ast

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Scope:
    """What is bound and read in a module, a class, a function or a comprehension."""

    def __init__(self, kind, name=None, parent=None):
        self.kind = kind
        self.name = name
        self.parent = parent
        self.bound = {}
        self.elsewhere = {}
        self.reads = []

    def bind(self, name, node):
        """Binds a name here, or where `global` and `nonlocal` say."""
        target = self.elsewhere.get(name, self)
        target.bound.setdefault(name, node)

    def find(self, name):
        """The scope in which a read of the name here finds it."""
        scope = self
        while scope is not None:
            if name in scope.bound and (scope is self or scope.kind != "class"):
                return scope
            scope = scope.parent
        return None


class _Visitor(ast.NodeVisitor):
    def __init__(self):
        self.module = self.scope = Scope("module")
        self.scopes = [self.module]
        self.star = False

    def _enter(self, kind, name):
        self.scope = Scope(kind, name, self.scope)
        self.scopes.append(self.scope)

    def _leave(self):
        self.scope = self.scope.parent

    def _all(self, nodes):
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self.scope.reads.append(node)
        else:
            self.scope.bind(node.id, node)

    def _type_parameters(self, node):
        for parameter in getattr(node, "type_params", None) or []:
            self.scope.bind(parameter.name, node)

    def _parameters(self, arguments):
        everything = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for one in everything:
            if one is not None:
                self.scope.bind(one.arg, one)

    def _function(self, node):
        self._all(node.decorator_list)
        self._all(node.args.defaults)
        self._all(node.args.kw_defaults)
        self.scope.bind(node.name, node)
        self._enter("function", node.name)
        self._type_parameters(node)
        self._parameters(node.args)
        self._all(node.body)
        self._leave()

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_Lambda(self, node):
        self._all(node.args.defaults)
        self._all(node.args.kw_defaults)
        self._enter("function", "lambda")
        self._parameters(node.args)
        self.visit(node.body)
        self._leave()

    def visit_ClassDef(self, node):
        self._all(node.decorator_list)
        self._type_parameters(node)
        self._all(node.bases)
        self._all(keyword.value for keyword in node.keywords)
        self.scope.bind(node.name, node)
        self._enter("class", node.name)
        for name in ("__module__", "__qualname__"):
            self.scope.bind(name, node)
        self._all(node.body)
        self._leave()

    def _comprehension(self, node):
        first, *others = node.generators
        self.visit(first.iter)
        self._enter("comprehension", None)
        self.visit(first.target)
        self._all(first.ifs)
        for generator in others:
            self._all([generator.iter, generator.target, *generator.ifs])
        self._all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._leave()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_NamedExpr(self, node):
        self.visit(node.value)
        scope = self.scope
        while scope.kind == "comprehension":
            scope = scope.parent
        scope.bind(node.target.id, node)

    def visit_AnnAssign(self, node):
        self._all([node.value])
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)
        elif self.scope.kind == "class":
            self.scope.bind(node.target.id, node)

    def visit_TypeAlias(self, node):
        self.visit(node.name)

    def visit_Global(self, node):
        for name in node.names:
            self.scope.elsewhere[name] = self.module
            self.module.bound.setdefault(name, node)

    def visit_Nonlocal(self, node):
        for name in node.names:
            owner = self.scope.parent and self.scope.parent.find(name)
            if owner:
                self.scope.elsewhere[name] = owner

    def visit_alias(self, node):
        if node.name == "*":
            self.star = True
        else:
            self.scope.bind(node.asname or node.name.partition(".")[0], node)

    def visit_ExceptHandler(self, node):
        if node.name:
            self.scope.bind(node.name, node)
        self.generic_visit(node)

    def visit_MatchAs(self, node):
        if node.name:
            self.scope.bind(node.name, node)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node):
        if node.rest:
            self.scope.bind(node.rest, node)
        self.generic_visit(node)


class Names:
    """The names of a file."""

    def __init__(self, tree):
        visitor = _Visitor()
        visitor.visit(tree)
        self.module = visitor.module
        self.scopes = visitor.scopes
        self.star = visitor.star

    def unresolved(self, known):
        """The first place where each name is read that is neither bound there nor `known`."""
        found = {}
        for scope in self.scopes:
            for node in scope.reads:
                if node.id not in known and scope.find(node.id) is None:
                    earlier = found.get(node.id)
                    if earlier is None or (node.lineno, node.col_offset) < (earlier.lineno, earlier.col_offset):
                        found[node.id] = node
        return found

    def owner(self, name):
        """A function or class inside of which the name is bound."""
        for scope in self.scopes:
            if scope.kind in ("function", "class") and name in scope.bound:
                return scope
        return None

    def all_bound(self):
        return {name for scope in self.scopes for name in scope.bound}

    def is_read(self, name):
        """Whether anything reads the name from the module."""
        return any(node.id == name and scope.find(name) is self.module for scope in self.scopes for node in scope.reads)

    def of_module(self):
        """Reads that find what the module binds, or what it got otherwise, as by a star import."""
        for scope in self.scopes:
            for node in scope.reads:
                if scope.find(node.id) in (self.module, None):
                    yield node


def functions(tree):
    """The functions that the module defines outside of functions and classes, in the order of the file."""
    found = []
    todo = list(reversed(tree.body))
    while todo:
        node = todo.pop()
        if isinstance(node, _DEFINITIONS):
            found.append(node)
        elif not isinstance(node, ast.ClassDef):
            todo.extend(reversed([one for one in ast.iter_child_nodes(node) if isinstance(one, (ast.stmt, ast.ExceptHandler))]))
    return found
