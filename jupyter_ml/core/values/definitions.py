"""The source text of functions and classes that were typed into a notebook or a job's cell.

`inspect.getsource` does not find classes there before Python 3.13, and never the ones that a
call made (`namedtuple(...)`). Every cell is in `linecache`, so the statement is looked up there.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
import operator
import sys
import types
from dataclasses import dataclass
from typing import Any

MAIN = "__main__"


@dataclass(frozen=True)
class Definition:
    """The statement that defines one name.

    Attributes
    ----------
    name
        What the statement binds.
    source
        Its text, decorators included.
    namespace
        The globals that it reads.
    """

    name: str
    source: str
    namespace: dict[str, Any]


def is_from_notebook(value: object) -> bool:
    """Return whether the value is a function or class that was defined in `__main__`."""
    if isinstance(value, type | types.FunctionType):
        return value.__module__ == MAIN
    # What a decorator such as lru_cache put in the place of a function.
    wraps = callable(value) and hasattr(value, "__wrapped__") and hasattr(value, "__qualname__")
    return wraps and getattr(value, "__module__", None) == MAIN


def definition_of(value: Any) -> Definition:
    """Return the statement that defined a function or class of the notebook.

    Raises
    ------
    LookupError
        There is no such statement to send, with the reason: a closure, text that is not known
        any more.
    """
    plain = inspect.unwrap(value)
    if isinstance(plain, types.FunctionType):
        return _of_function(plain)
    if isinstance(plain, type):
        return _of_class(plain)
    msg = f"no statement defines this {type(value).__name__}"
    raise LookupError(msg)


def import_path(value: Any) -> str | None:
    """Return `module:name` of a function or class that any interpreter can import, or None."""
    if not isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return None
    module, name = value.__module__, value.__qualname__
    if module in {MAIN, None} or "<" in name or module not in sys.modules:
        return None
    try:
        found = operator.attrgetter(name)(sys.modules[module])
    except AttributeError:
        return None
    return f"{module}:{name}" if found is value else None


def _of_function(function: types.FunctionType) -> Definition:
    name = function.__name__
    if "<locals>" in function.__qualname__:
        inside = function.__qualname__.partition(".<locals>")[0]
        msg = f"it is defined inside {inside}(); define it at the top of a cell"
        raise LookupError(msg)
    first = function.__code__.co_firstlineno
    lines = linecache.getlines(function.__code__.co_filename)
    for statement in _statements(lines):
        start = _first_line(statement)
        end = statement.end_lineno or start
        if not start <= first <= end:
            continue
        bound = _bound_by(statement)
        if name in bound:
            return Definition(name, _text(lines, statement), function.__globals__)
        if name == "<lambda>":
            return _of_lambda(function, statement, lines)
    msg = "its source text is not known any more; run its cell again"
    raise LookupError(msg)


def _of_lambda(function: types.FunctionType, statement: ast.stmt, lines: list[str]) -> Definition:
    """Return the statement that binds a lambda, or one that is made for it."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Lambda):
        bound = _bound_by(statement)
        if bound:
            return Definition(bound[0], _text(lines, statement), function.__globals__)
    text = "".join(lines)
    found = {
        ast.get_source_segment(text, node)
        for node in ast.walk(statement)
        if isinstance(node, ast.Lambda) and _is_code_of(node, function.__code__)
    }
    if len(found) != 1:
        msg = "it is one of several lambdas that look alike; give it a name with def"
        raise LookupError(msg)
    source = f"({found.pop()})"
    name = f"lambda_{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    return Definition(name, f"{name} = {source}\n", function.__globals__)


def _is_code_of(node: ast.Lambda, code: types.CodeType) -> bool:
    """Return whether the function's code was compiled from this place of the text."""
    expression = compile(ast.Expression(node), code.co_filename, "eval")
    compiled = next(one for one in expression.co_consts if isinstance(one, types.CodeType))
    # Sets: how many instructions an expression takes may depend on the statements around it.
    return set(compiled.co_positions()) == set(code.co_positions())


def _of_class(kind: type) -> Definition:
    if "<locals>" in kind.__qualname__:
        inside = kind.__qualname__.partition(".<locals>")[0]
        msg = f"its class is defined inside {inside}(); define it at the top of a cell"
        raise LookupError(msg)
    name = kind.__qualname__.partition(".")[0]
    codes = [member.__code__ for member in vars(kind).values() if _is_function(member)]
    namespace = next(
        (member.__globals__ for member in vars(kind).values() if _is_function(member)),
        vars(sys.modules[MAIN]),
    )
    files = dict.fromkeys(code.co_filename for code in codes if code.co_filename in linecache.cache)
    for file in [*files, *reversed(list(linecache.cache))]:
        lines = linecache.getlines(file)
        if not any(name in line for line in lines):
            continue
        for statement in reversed(_statements(lines)):
            if name in _bound_by(statement) and not isinstance(statement, ast.FunctionDef):
                return Definition(name, _text(lines, statement), namespace)
    msg = f"the source text of class {name} is not known any more; run its cell again"
    raise LookupError(msg)


def _is_function(member: object) -> bool:
    return isinstance(member, types.FunctionType)


def _statements(lines: list[str]) -> list[ast.stmt]:
    try:
        return ast.parse("".join(lines)).body
    except (SyntaxError, ValueError):
        return []


def _bound_by(statement: ast.stmt) -> list[str]:
    """Return the names of the definitions that one statement makes."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() | ast.Lambda()):
            return [name]
    return []


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _text(lines: list[str], statement: ast.stmt) -> str:
    return "".join(lines[_first_line(statement) - 1 : statement.end_lineno]).rstrip() + "\n"
