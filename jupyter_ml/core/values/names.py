"""Which names a piece of source code needs from outside: read before it defines them itself.

The rule errs on the side of naming too much: a name that only one branch defines still counts as
needed afterwards, because sending a value in vain costs little and a `NameError` costs a job.
"""

from __future__ import annotations

import ast
import builtins
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BUILTINS = frozenset(dir(builtins))
_QUERIES = frozenset({"query", "eval"})  # data frame methods whose text names variables by @
_AT_NAME = re.compile(r"@([A-Za-z_]\w*)")

_LEAVING = (ast.Raise, ast.Return, ast.Continue, ast.Break)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def needed_names(source: str | ast.Module, *, known: frozenset[str] = _BUILTINS) -> set[str]:
    """Return the names that the code reads without having defined them first.

    Parameters
    ----------
    source
        Python source text or its parsed module; without IPython syntax.
    known
        Names to leave out: by default the builtins.

    Returns
    -------
    set of str
        Without those known. Names that functions read are included when the function is used
        before the code defines them, or when the code never does.

    Raises
    ------
    SyntaxError
        The source is not Python.
    """
    tree = ast.parse(source) if isinstance(source, str) else source
    reader = _Reader()
    reader.block(tree.body)
    reader.settle_all()
    return reader.needed - known


def defined_names(source: str | ast.Module) -> set[str]:
    """Return the names that the code binds at its top level, on whatever path."""
    tree = ast.parse(source) if isinstance(source, str) else source
    reader = _Reader()
    reader.block(tree.body)
    return reader.bound


class _Reader(ast.NodeVisitor):
    """Walk statements in the order in which Python evaluates them.

    `defined` holds what is bound on every path so far, `bound` what is bound on any.
    """

    def __init__(self, outer: Iterable[str] = ()) -> None:
        self.defined: set[str] = set(outer)
        self.bound: set[str] = set()
        self.needed: set[str] = set()
        self.deferred: dict[str, set[str]] = {}

    def block(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    def read(self, name: str) -> None:
        if name not in self.defined:
            self.needed.add(name)
        for inner in self.deferred.pop(name, ()):
            self.read(inner)

    def bind(self, name: str) -> None:
        self.defined.add(name)
        self.bound.add(name)
        self.deferred.pop(name, None)

    def settle_all(self) -> None:
        """Count what functions read that nothing used yet: somebody may use them later."""
        while self.deferred:
            self.read(next(iter(self.deferred)))

    @contextmanager
    def maybe(self) -> Iterator[None]:
        """Leave out of `defined` what is bound inside: the path may not be taken."""
        before = set(self.defined)
        yield
        self.defined = before

    # Expressions

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.read(node.id)
            self.defined.discard(node.id)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _QUERIES:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    for name in _AT_NAME.findall(argument.value):
                        self.read(name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        for name in _free(node.args, [ast.Expr(node.body)]):
            self.read(name)

    def _comprehension(self, node: Comprehension) -> None:
        inner = _Reader()
        for generator in node.generators:
            inner.visit(generator.iter)
            inner.visit(generator.target)
            for condition in generator.ifs:
                inner.visit(condition)
        if isinstance(node, ast.DictComp):
            inner.visit(node.key)
            inner.visit(node.value)
        else:
            inner.visit(node.elt)
        for name in inner.needed:
            self.read(name)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815  (ast names them)

    # Statements that bind

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.visit(node.target)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                self.bind(alias.asname or alias.name.partition(".")[0])

    visit_ImportFrom = visit_Import  # noqa: N815  (ast names them)

    def _function(self, node: Function) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self.visit(node.args)
        if node.returns is not None:
            self.visit(node.returns)
        self.bind(node.name)
        self.deferred[node.name] = _free(node.args, node.body) - {node.name}

    visit_FunctionDef = visit_AsyncFunctionDef = _function  # noqa: N815  (ast names them)

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in [*node.defaults, *node.kw_defaults]:
            if default is not None:
                self.visit(default)
        for argument in _arguments(node):
            if argument.annotation is not None:
                self.visit(argument.annotation)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in [*node.decorator_list, *node.bases, *(word.value for word in node.keywords)]:
            self.visit(part)
        body = _Reader()
        body.block(node.body)
        for name in body.needed - {node.name}:
            self.read(name)
        later: set[str] = set().union(*body.deferred.values()) if body.deferred else set()
        self.bind(node.name)
        self.deferred[node.name] = later - {node.name}

    # Statements that branch

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._either([node.body, node.orelse])

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        for case in node.cases:
            with self.maybe():
                self.generic_visit(case)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.generic_visit(node)
        if node.name:
            self.bind(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self.bind(node.rest)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.visit(node.target)
        with self.maybe():
            self.block(node.body)
        with self.maybe():
            self.block(node.orelse)

    visit_For = visit_AsyncFor = _for  # noqa: N815  (ast names them)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        with self.maybe():
            self.block(node.body)
        with self.maybe():
            self.block(node.orelse)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.visit(item.optional_vars)
        self.block(node.body)

    visit_With = visit_AsyncWith = _with  # noqa: N815  (ast names them)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        for handler in node.handlers:
            if handler.type is not None:
                self.visit(handler.type)
        handlers = [handler.body for handler in node.handlers]
        caught = {handler.name for handler in node.handlers if handler.name}
        self._either([[*node.body, *node.orelse], *handlers], caught)
        self.block(node.finalbody)

    visit_TryStar = visit_Try  # noqa: N815  (ast names them)

    def _either(self, paths: list[list[ast.stmt]], caught: Iterable[str] = ()) -> None:
        """Visit alternatives; what all of them define is defined afterwards.

        A path that leaves (`raise`, `continue` ...) has no afterwards. `caught` are names that
        exist in every path but the first: those of caught exceptions.
        """
        before = set(self.defined)
        ends: list[set[str]] = []
        for index, path in enumerate(paths):
            self.defined = before | (set(caught) if index else set())
            self.block(path)
            if not (path and isinstance(path[-1], _LEAVING)):
                ends.append(self.defined)
        self.defined = set.intersection(*ends) if ends else before


def _arguments(node: ast.arguments) -> list[ast.arg]:
    every = [*node.posonlyargs, *node.args, *node.kwonlyargs]
    return [*every, *(extra for extra in (node.vararg, node.kwarg) if extra is not None)]


def _free(arguments: ast.arguments, body: Iterable[ast.stmt]) -> set[str]:
    """Return the names that a function's body reads from outside the function."""
    statements = list(body)
    reader = _Reader(argument.arg for argument in _arguments(arguments))
    reader.block(statements)
    reader.settle_all()
    nodes = [node for statement in statements for node in ast.walk(statement)]
    declared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    # Whatever a function assigns anywhere is local to it everywhere, unless declared global.
    return (reader.needed - reader.bound) | (declared & reader.needed)
