"""Print the log of a job or an endpoint; with -f, follow it until it ends."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.verbs.names import find, names_of
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from jupyter_ml.client import Client

FOLLOW_S = 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``logs``."""
    parser.add_argument("name", metavar="NAME", help="of a job or an endpoint")
    parser.add_argument("-f", "--follow", action="store_true", help="until it ends")
    parser.add_argument("--member", type=int, default=0, metavar="N", help="default: 0")
    parser.add_argument("-n", "--lines", type=int, metavar="N", help="only the last N lines")


def run(client: Client, args: argparse.Namespace) -> Text | None:
    """Return the log, or print it as it grows; interrupting only stops the printing."""
    kind, name = find(client, args.name)
    request = {"ResourceType": kind, "ResourceName": name, "Member": args.member}
    if not args.follow:
        text = "".join(piece["Text"] for piece in _pieces(client, request, follow=False))
        if not text and args.shell is not None:  # a pipe gets exactly the log
            return Text(f"{name} wrote nothing to its log.")
        return Text(_last(text, args.lines))
    for piece in _pieces(client, request, follow=True):
        if piece["Reset"] and piece["DroppedBytes"]:
            sys.stdout.write(f"[{words.size(piece['DroppedBytes'])} of older lines were dropped]\n")
        sys.stdout.write(piece["Text"])
        sys.stdout.flush()
    return None


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of jobs and endpoints."""
    return [] if typed else names_of(client)


def _pieces(client: Client, request: dict[str, Any], *, follow: bool) -> Iterator[dict[str, Any]]:
    """Yield the log piece by piece until it ends, or until nothing more is there."""
    cursor: str | None = None
    pause = threading.Event()
    while True:
        piece = client.call("WatchLog", {**request, **({"Cursor": cursor} if cursor else {})})
        if piece["Cursor"] != cursor:
            yield piece
        elif not follow:
            return
        else:
            pause.wait(FOLLOW_S)
        cursor = piece["Cursor"]
        if piece["Ended"]:
            return


def _last(text: str, lines: int | None) -> str:
    return text if lines is None else "\n".join(text.splitlines()[-lines:] if lines > 0 else [])
