import json
import re
from pathlib import Path

import pytest
import yaml

import jupyter_ml

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_the_generated_pages_are_what_the_code_says(python):
    python("docs/generate.py", "--check")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_leads_nowhere(page):
    prose = _CODE.sub("", page.read_text())
    targets = [link for link in _LINK.findall(prose) if "://" not in link]
    assert not [link for link in targets if not (page.parent / link).exists()]


def test_every_page_is_in_the_navigation_of_the_site():
    below = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert not below - set(_leaves(site["nav"]))


def test_every_page_of_how_to_do_something_is_on_the_first_page():
    first = (ROOT / "docs" / "README.md").read_text()
    pages = sorted((ROOT / "docs" / "do").glob("*.md"))
    assert not [page.name for page in pages if f"](do/{page.name})" not in first]


def test_every_public_name_is_explained():
    page = (ROOT / "docs" / "look-up" / "python.md").read_text()
    assert not [name for name in _public() if f"## `{name}" not in page]


def test_the_changelog_and_the_package_have_one_version():
    version = json.loads((ROOT / "package.json").read_text())["version"]
    assert jupyter_ml.__version__ == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def _leaves(entry):
    if isinstance(entry, str):
        return [entry]
    children = entry.values() if isinstance(entry, dict) else entry
    return [leaf for child in children for leaf in _leaves(child)]


def _public():
    hidden = {"load_ipython_extension", "unload_ipython_extension"}
    return [name for name in jupyter_ml.__all__ if name not in hidden and name[0] != "_"]
