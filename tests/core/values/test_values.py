"""Named values travel between interpreters through a folder."""

from __future__ import annotations

import json
import linecache
import subprocess
import sys
import threading
import types

import numpy as np
import pandas as pd
import pytest

from jupyter_ml.contract.errors import MLError
from jupyter_ml.core.values import values


class Notebook:
    """A `__main__` whose cells are in linecache, as IPython keeps them."""

    def __init__(self):
        self.module = types.ModuleType("__main__")
        self.names = vars(self.module)
        self.count = 0

    def run(self, source):
        self.count += 1
        file = f"<cell {id(self)}-{self.count}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), self.names)

    def pick(self, *names):
        return {name: self.names[name] for name in names}


@pytest.fixture
def notebook(monkeypatch):
    book = Notebook()
    monkeypatch.setitem(sys.modules, "__main__", book.module)
    return book


def loaded(folder, names=None):
    namespace = {}
    values.load(folder, namespace, names)
    return namespace


def test_a_data_frame_keeps_its_index_and_dtypes(tmp_path):
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2026-01-01", periods=3, tz="Europe/Berlin"),
            "kind": pd.Categorical(["a", "b", "a"]),
            "small": np.array([1, 2, 3], dtype="int8"),
            "text": ["x", None, "z"],
        },
        index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["g", "n"]),
    )
    assert values.save({"frame": frame}, tmp_path) == []
    pd.testing.assert_frame_equal(loaded(tmp_path)["frame"], frame)


def test_modules_are_imported_again_by_name(tmp_path):
    values.save({"np": np, "js": json, "dumps": json.dumps, "Frame": pd.DataFrame}, tmp_path)
    namespace = loaded(tmp_path)
    assert namespace["dumps"] is json.dumps
    assert namespace["Frame"] is pd.DataFrame
    assert {entry.how for entry in values.entries(tmp_path)} == {"import"}
    assert namespace["np"] is np
    assert namespace["js"] is json


def test_a_function_travels_as_source_with_the_globals_it_uses(tmp_path, notebook):
    notebook.run("import math\nfactor = 3\nunused = object()")
    notebook.run("def inner(x):\n    return math.sqrt(x) * factor")
    notebook.run("def outer(x):\n    # a comment\n    return inner(x) + 1")
    assert values.save(notebook.pick("outer"), tmp_path) == []
    namespace = loaded(tmp_path)
    assert namespace["outer"](4) == 7
    assert "unused" not in namespace
    sent = {entry.name: entry.implicit for entry in values.entries(tmp_path)}
    assert sent == {"math": True, "factor": True, "inner": True, "outer": False}


def test_functions_that_call_each_other_are_sent_once(tmp_path, notebook):
    notebook.run("def even(n):\n    return n == 0 or odd(n - 1)")
    notebook.run("def odd(n):\n    return n != 0 and even(n - 1)")
    assert values.save(notebook.pick("even", "odd"), tmp_path) == []
    assert loaded(tmp_path)["even"](10) is True
    assert not any(entry.implicit for entry in values.entries(tmp_path))


def test_an_instance_brings_the_class_that_the_notebook_defined(tmp_path, notebook):
    notebook.run(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Point:\n    x: int\n    y: int = 2\n"
        "class Kinds:\n    class Inner:\n        pass\n"
    )
    notebook.run("from collections import namedtuple\nPair = namedtuple('Pair', 'a b')")
    notebook.run("point = [Point(1)]\npair = Pair(1, 2)\nnested = Kinds.Inner()")
    assert values.save(notebook.pick("point", "pair", "nested"), tmp_path) == []
    namespace = loaded(tmp_path)
    assert repr(namespace["point"]) == "[Point(x=1, y=2)]"
    assert namespace["pair"].b == 2
    assert type(namespace["nested"]).__qualname__ == "Kinds.Inner"


def test_lambdas_with_a_name_and_cached_functions_travel(tmp_path, notebook):
    notebook.run("from functools import lru_cache\ndouble = lambda x: 2 * x")
    notebook.run("@lru_cache\ndef triple(x):\n    return 3 * x\nalias = double")
    assert values.save(notebook.pick("double", "triple", "alias"), tmp_path) == []
    namespace = loaded(tmp_path)
    assert (namespace["double"](2), namespace["triple"](2), namespace["alias"](3)) == (4, 6, 6)


def test_lambdas_within_an_expression_travel_with_the_globals_they_use(tmp_path, notebook):
    notebook.run(
        "by = 3\ndouble = lambda x: 2 * x\nsteps = [double, lambda x: x + by, lambda x: x - 1]"
    )
    notebook.run("class Kind:\n    step = lambda x: x * 5\nvalue = {'step': Kind.step, 'a': steps}")
    assert values.save(notebook.pick("steps", "value"), tmp_path) == []
    namespace = loaded(tmp_path, ["steps"])
    assert [step(10) for step in namespace["steps"]] == [20, 13, 9]
    assert loaded(tmp_path)["value"]["step"](2) == 10


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import sys\nvalue = sys.__stdin__", "open file"),
        ("value = (i for i in range(3))", "generator"),
        ("import threading\nvalue = {'lock': threading.Lock()}", "holds a lock"),
        ("def make():\n    def inner(): ...\n    return inner\nvalue = make()", "inside make()"),
        ("def make():\n    class A: ...\n    return A()\nvalue = make()", "inside make()"),
        (
            "class Bad:\n    def __reduce__(self):\n        raise ValueError('no')\nvalue = Bad()",
            "ValueError: no",
        ),
        ("value = []\nfor _ in range(100_000):\n    value = [value]", "too deeply"),
        ("import __main__ as value", "the notebook itself"),
    ],
)
def test_what_cannot_be_sent_is_named_with_the_reason(tmp_path, notebook, source, reason):
    notebook.run(source)
    (problem,) = values.save({**notebook.pick("value"), "fine": 1}, tmp_path)
    assert problem.name == "value"
    assert reason in problem.reason
    assert loaded(tmp_path) == {"fine": 1}


def test_a_global_that_a_function_needs_and_that_cannot_be_sent_is_named(tmp_path, notebook):
    notebook.run("import threading\nguard = threading.Lock()\ndef go():\n    with guard: pass")
    (problem,) = values.save(notebook.pick("go"), tmp_path)
    assert problem.name == "guard"


def test_a_global_that_is_withheld_is_named_and_not_sent(tmp_path, notebook):
    notebook.run("key = 'k'\ndef go():\n    return key")
    (problem,) = values.save(
        notebook.pick("go"), tmp_path, withhold=lambda name, _: "secret" if name == "key" else None
    )
    assert (problem.name, problem.reason) == ("key", "secret")
    assert values.save(notebook.pick("go", "key"), tmp_path) == []


def test_a_value_over_the_limit_is_refused_and_leaves_no_file(tmp_path):
    (problem,) = values.save({"big": np.zeros(10_000)}, tmp_path, max_bytes=1000)
    assert "1,000 bytes" in problem.reason
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_values_over_the_total_limit_are_refused(tmp_path):
    frames = {"a": np.zeros(100), "b": np.zeros(100)}
    (problem,) = values.save(frames, tmp_path, max_total_bytes=1500)
    assert problem.name == "b"
    assert "all values together" in problem.reason


def test_size_and_digest_of_every_value_are_recorded(tmp_path):
    values.save({"depth": 3, "table": np.zeros((4, 2)), "secret": "s3cr3t"}, tmp_path)
    by_name = {entry.name: entry for entry in values.entries(tmp_path)}
    assert by_name["depth"].detail == "3"
    assert by_name["table"].detail == "4 \u00d7 2"
    assert by_name["table"].bytes == (tmp_path / by_name["table"].file).stat().st_size
    assert len(by_name["table"].sha256) == 64
    assert "s3cr3t" not in (tmp_path / "manifest.json").read_text()


def test_equal_values_have_equal_digests(tmp_path):
    frames = [pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}) for _ in range(2)]
    digests = []
    for number, frame in enumerate(frames):
        values.save({"frame": frame}, tmp_path / str(number))
        digests.append(values.entries(tmp_path / str(number))[0].sha256)
    assert digests[0] == digests[1]


def test_only_the_named_values_and_what_they_need_are_loaded(tmp_path, notebook):
    notebook.run("class A: ...\na = A()\nb = 1")
    values.save(notebook.pick("a", "b"), tmp_path)
    assert set(loaded(tmp_path, ["a"])) - {"__builtins__", "__name__"} == {"A", "a"}
    with pytest.raises(MLError, match="no value 'c'; there are: A, a, b"):
        loaded(tmp_path, ["c"])


def test_a_damaged_file_is_not_loaded(tmp_path):
    values.save({"a": [1, 2]}, tmp_path)
    next(tmp_path.glob("*.pkl")).write_bytes(b"nonsense")
    with pytest.raises(MLError, match="damaged"):
        loaded(tmp_path)


def test_a_folder_without_values_is_refused(tmp_path):
    with pytest.raises(MLError, match="No values were saved"):
        loaded(tmp_path)


def test_a_second_save_replaces_the_first(tmp_path):
    values.save({"a": 1}, tmp_path)
    values.save({"b": 2}, tmp_path)
    assert loaded(tmp_path) == {"b": 2}
    assert len(list(tmp_path.glob("*.pkl"))) == 1


def test_a_loaded_definition_can_be_saved_again(tmp_path, notebook):
    notebook.run("class Net:\n    def go(self): return 7\nnet = Net()")
    values.save(notebook.pick("net"), tmp_path / "there")
    namespace = loaded(tmp_path / "there")
    notebook.names.clear()
    assert values.save({"net": namespace["net"]}, tmp_path / "back") == []
    assert loaded(tmp_path / "back")["net"].go() == 7


def test_a_traceback_in_a_sent_function_shows_its_line(tmp_path, notebook):
    notebook.run("def broken():\n    return 1 / 0  # here")
    values.save(notebook.pick("broken"), tmp_path)
    with pytest.raises(ZeroDivisionError) as caught:
        loaded(tmp_path)["broken"]()
    assert str(caught.traceback[-1].statement).strip() == "return 1 / 0  # here"


def test_another_interpreter_needs_only_the_standard_library(tmp_path, notebook):
    notebook.run("import json\ndef show(x):\n    return json.dumps(x)\nrows = [{'a': 1}]")
    values.save(notebook.pick("show", "rows"), tmp_path)
    script = (
        "import sys, pathlib; from jupyter_ml.core.values import values; n = {};"
        f"values.load(pathlib.Path({str(tmp_path)!r}), n); print(n['show'](n['rows']));"
        "print([m for m in ('numpy', 'pandas', 'botocore', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ['[{"a": 1}]', "[]"]


def test_saving_from_threads_does_not_mix_folders(tmp_path):
    def work(number):
        values.save({"n": number}, tmp_path / str(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [loaded(tmp_path / str(n))["n"] for n in range(8)] == list(range(8))


def test_changing_a_value_leaves_the_digests_of_the_others_alone(tmp_path):
    values.save({"frame": pd.DataFrame({"a": ["x", "y"]}), "depth": 3}, tmp_path / "old")
    assert values.amend(tmp_path / "old", {"depth": 5}, tmp_path / "new") == []
    old, new = (
        {entry.name: entry.sha256 for entry in values.entries(tmp_path / name)}
        for name in ("old", "new")
    )
    assert old["frame"] == new["frame"]
    assert old["depth"] != new["depth"]
    assert loaded(tmp_path / "new")["depth"] == 5
