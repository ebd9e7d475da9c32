"""Whoever waits for an attempt takes note of its end; if it does not, the shim has it done."""

from __future__ import annotations

import time

import pytest

from jupyter_ml.engine import identity
from jupyter_ml.engine.awaiting import Awaited
from jupyter_ml.testing import eventually


@pytest.fixture
def start(bench, tmp_path):
    """Start work whose command for the end leaves a mark; return the attempt and the mark."""

    def start(code):
        mark = tmp_path / "mark"
        return bench.start(code, tick=("/bin/touch", str(mark))), mark

    return start


def test_what_somebody_waits_for_is_left_to_them(bench, start):
    ref, mark = start("import time; time.sleep(0.2)")
    awaited = Awaited(str(ref.directory))
    assert awaited.wait(60)
    awaited.taken_note_of()
    awaited.close()
    who = bench.announced(ref)["identity"]
    eventually(lambda: not identity.is_alive(who))
    assert not mark.exists()


def test_it_is_done_all_the_same_when_they_die_before_they_did_it(bench, start):
    ref, mark = start("import time; time.sleep(0.2)")
    awaited = Awaited(str(ref.directory))
    assert awaited.wait(60)
    awaited.close()
    eventually(mark.exists)
    assert bench.verdict(ref).state == "Completed"


def test_it_is_done_all_the_same_when_they_take_too_long(start):
    ref, mark = start("pass")
    awaited = Awaited(str(ref.directory))
    eventually(mark.exists)
    awaited.close()


def test_waiting_ends_with_its_time(bench, start):
    ref, _ = start("import time; time.sleep(600)")
    bench.shim(ref)
    awaited = Awaited(str(ref.directory))
    before = time.monotonic()
    assert not awaited.wait(0.05)
    assert time.monotonic() - before >= 0.05
    awaited.close()
