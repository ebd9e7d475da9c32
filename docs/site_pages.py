"""What mkdocs is told beyond mkdocs.yml: the pages that stand outside docs/.

On a forge they are read where they are, so links lead out of docs/ and back. The site has only
what is below docs/; these pages are taken in, and links are turned to where they are there.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

# From the path in the repository to the path in the site.
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "understand/measuring.md",
}
_WHENCE = {page: path for path, page in OUTSIDE.items()}
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take in the pages that stand outside docs/."""
    root = Path(config.config_file_path).parent
    for path, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn the links of a page to where their targets are in the site."""
    return turned(markdown, page.file.src_uri)


def turned(markdown: str, page: str) -> str:
    """Return a page's text with the links that are other ones in the site.

    Parameters
    ----------
    markdown
        The text, with links as they are in the repository.
    page
        The page's path in the site.
    """
    there = posixpath.dirname(_WHENCE.get(page, f"docs/{page}"))
    here = posixpath.dirname(page)

    def turn(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(there, link[1]))
        in_site = OUTSIDE.get(target, target.removeprefix("docs/"))
        if in_site == target:  # outside, and not taken in: mkdocs says so
            return link[1]
        return posixpath.relpath(in_site, here or ".")

    return _LINK.sub(turn, markdown)
