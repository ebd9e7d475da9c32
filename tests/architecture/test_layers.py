import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jupyter_ml"
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}

# What each distribution that the package may ask for is imported as, where the names differ.
IMPORTED_AS = {
    "ipython": "IPython",
    "jupyter-core": "jupyter_core",
    "jupyter-server": "jupyter_server",
    "mlflow-skinny": "mlflow",
    "scikit-learn": "sklearn",
    "xgboost-cpu": "xgboost",
}
# What comes with a dependency and is part of what that one promises.
COMES_WITH = {
    "ipywidgets": "anywidget",
    "jmespath": "botocore",
    "numpy": "pandas",
    "packaging": "jupyter_server",
    "scipy": "sklearn",
}

# What is needed without an import statement.
USED_OTHERWISE = {
    "botocore": "the service models are read from its files",
    "httptools": "uvicorn takes it by name",
}


def test_every_import_follows_the_layers(python):
    python("-c", "from importlinter.cli import lint_imports; exit(lint_imports(no_cache=True))")


def test_no_module_is_named_for_what_it_is_not():
    named = [path for path in PACKAGE.rglob("*.py") if path.stem in BANNED]
    assert not named


def test_archives_are_unpacked_in_one_place_which_trusts_none():
    unpacking = [path for path in PACKAGE.rglob("*.py") if ".extractall(" in path.read_text()]
    assert unpacking == [PACKAGE / "harness" / "archive.py"]


def test_what_is_imported_is_declared_as_a_dependency():
    declared = _declared()
    undeclared = {
        f"{path.relative_to(PACKAGE.parent)}: {name}"
        for path in PACKAGE.rglob("*.py")
        for name in _imported(path)
        if name not in sys.stdlib_module_names
        and name != "jupyter_ml"
        and COMES_WITH.get(name, name) not in declared
    }
    assert not undeclared


def test_no_dependency_is_declared_in_vain():
    used = {name for path in PACKAGE.rglob("*.py") for name in _imported(path)}
    assert not _names(_project()["dependencies"]) - used - set(USED_OTHERWISE)


# They run in the interpreter of a job, which need not have any of our dependencies.
JOB_SIDE = [
    "core/metrics/metrics.py",
    "core/values/values.py",
    "engine/shim.py",
    "services/training/cell.py",
    "services/training/run.py",
    "services/training/script.py",
    "toolkit/tracking.py",
    *sorted(str(path.relative_to(PACKAGE)) for path in (PACKAGE / "harness").glob("*.py")),
]

_LOAD = """
import importlib.util, sys
sys.path.insert(0, {root!r})
spec = importlib.util.spec_from_file_location("job_side", {path!r})
sys.modules["job_side"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
foreign = {{name.partition(".")[0] for name in sys.modules}} - sys.stdlib_module_names
foreign = {{name for name in foreign - {{"jupyter_ml", "job_side"}} if not name.startswith("__")}}
assert not foreign, foreign
"""


@pytest.mark.parametrize("module", JOB_SIDE)
def test_what_runs_in_a_job_needs_the_standard_library_alone(module, python):
    program = _LOAD.format(root=str(PACKAGE.parent), path=str(PACKAGE / module))
    # No site-packages, no environment: the barest interpreter that a job can have.
    python("-I", "-S", "-c", program)


def _project():
    return tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]


def _declared():
    project = _project()
    # `dev` is what the repository is worked on with; the package must not need it.
    extras = [lines for name, lines in project["optional-dependencies"].items() if name != "dev"]
    return _names([*project["dependencies"], *(line for lines in extras for line in lines)])


def _names(requirements):
    names = {re.match(r"[\w-]+", line)[0].lower() for line in requirements}
    return {IMPORTED_AS.get(name, name) for name in names}


def _imported(path):
    for node in _outside_type_checking(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def _outside_type_checking(node):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _outside_type_checking(child)
