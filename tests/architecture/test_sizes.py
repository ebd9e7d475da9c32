import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE_LINES = 400
FUNCTION_LINES = 50
TYPESCRIPT_LINES = 300
EVERYTHING = ("jupyter_ml", "tests", "docs", "benchmarks")

# What is larger than that, how large it may be, and why. This list may only become shorter.
EXCEPTIONS: dict[str, tuple[int, str]] = {}


def test_files_are_short_enough_to_be_read_at_once():
    lengths = {
        **{_name(path): (_lines(path), MODULE_LINES) for path in _python(*EVERYTHING)},
        **{_name(path): (_lines(path), TYPESCRIPT_LINES) for path in _typescript()},
    }
    assert not _too_long(lengths)


def test_functions_are_short_enough_to_be_read_at_once():
    lengths = {
        f"{_name(path)}::{function.name}": (_body_lines(function), FUNCTION_LINES)
        for path in _python("jupyter_ml")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not _too_long(lengths)


def test_an_exception_that_is_no_longer_needed_is_struck_off():
    needless = [
        name
        for name in EXCEPTIONS
        if "::" not in name
        and _lines(ROOT / name) <= (MODULE_LINES if name.endswith(".py") else TYPESCRIPT_LINES)
    ]
    assert not needless


def _too_long(lengths):
    return {
        name: f"{length} lines; at most {EXCEPTIONS.get(name, (limit,))[0]}"
        for name, (length, limit) in lengths.items()
        if length > EXCEPTIONS.get(name, (limit,))[0]
    }


def _python(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _typescript():
    sources = (ROOT / "labextension" / "src").rglob("*.ts*")
    return sorted(path for path in sources if path.suffix in {".ts", ".tsx"})


def _name(path):
    return str(path.relative_to(ROOT))


def _lines(path):
    return len(path.read_text().splitlines())


def _body_lines(function):
    """Count a function's lines without its docstring, which is as long as it must be."""
    documented = ast.get_docstring(function, clean=False)
    docstring = len(documented.splitlines()) if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring
