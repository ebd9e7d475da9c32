"""Makes a notebook of a page's Python, so that a tutorial is run as it is read.

`python docs/as_notebook.py docs/learn/first-job.md build/first-job.ipynb` writes it, and
`make test-examples` then runs it from top to bottom, like the notebooks in examples/.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
from nbformat import v4

_CODE = re.compile(r"^```python\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def as_notebook(text: str) -> nbformat.NotebookNode:
    """Return the notebook of a page: its Python is the cells, in the order of the page."""
    return v4.new_notebook(cells=[v4.new_code_cell(code) for code in _CODE.findall(text)])


if __name__ == "__main__":
    page, notebook = map(Path, sys.argv[1:])
    nbformat.write(as_notebook(page.read_text()), notebook)
