"""Which names a cell needs from the kernel."""

from __future__ import annotations

import pytest

from jupyter_ml.core.values.names import defined_names, needed_names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("model.fit(train, depth)", {"model", "train", "depth"}),
        ("x = 1\nprint(x)", set()),
        ("train = train.dropna()", {"train"}),
        ("total += 1", {"total"}),
        ("import numpy as np\nnp.zeros(n)", {"n"}),
        ("import os.path\nos.getcwd()", set()),
        ("if flag:\n    y = 1\nprint(y)", {"flag", "y"}),
        ("if flag:\n    y = 1\nelse:\n    y = 2\nprint(y)", {"flag"}),
        ("if flag:\n    y = 1\nelse:\n    raise E\nprint(y)", {"flag", "E"}),
        ("try:\n    import a\nexcept ImportError as e:\n    a = e\nprint(a)", set()),
        ("for row in rows:\n    last = row\nprint(last, row)", {"rows", "last"}),
        ("while go():\n    z = 1\nz", {"go", "z"}),
        ("with open(path) as f:\n    text = f.read()\ntext", {"path"}),
        ("[a * k for a in items if a > low]", {"k", "items", "low"}),
        ("{a: b for a, b in pairs}", {"pairs"}),
        ("f = lambda x, y=z: x + w", {"z", "w"}),
        ("def f(x):\n    return x + k\nk = 2\nf(1)", set()),
        ("def f(x):\n    return x + k\nf(1)\nk = 2", {"k"}),
        ("def f(x):\n    return g(x)\ndef g(x):\n    return h(x)\nf(1)", {"h"}),
        ("def f():\n    return later", {"later"}),
        ("def f(x):\n    if x:\n        y = 1\n    return y", set()),
        ("def f():\n    global n\n    n += 1", {"n"}),
        ("def f(n):\n    return f(n - 1)", set()),
        (
            "class A(Base):\n    size = width\n    def go(self):\n        return self.size * scale",
            {"Base", "width", "scale"},
        ),
        ("@wrap\ndef f(x: Kind = default) -> Out: ...", {"wrap", "Kind", "default", "Out"}),
        ("if (n := len(rows)) > 3:\n    print(n)", {"rows"}),
        ("match point:\n    case (x, y):\n        print(x, y)", {"point"}),
        ("del old", {"old"}),
        ("frame.query('age > @low and @high > age')", {"frame", "low", "high"}),
        ("f'{name} {width:>{pad}}'", {"name", "width", "pad"}),
        ("print([g(i) for i in range(3)])\ndef g(i): return i", {"g"}),
    ],
)
def test_a_name_is_needed_when_it_is_read_before_every_path_defined_it(source, names):
    assert needed_names(source) == names


def test_names_of_every_path_count_as_defined():
    assert defined_names("a, b = 1, 2\nif a:\n    c = 3\ndef d(): e = 1") == {"a", "b", "c", "d"}


def test_source_that_is_not_python_is_refused():
    with pytest.raises(SyntaxError):
        needed_names("%matplotlib inline")
