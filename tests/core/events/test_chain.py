"""The chain of the event log: whatever is done to it is found and named."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.contract.errors import MLError
from jupyter_ml.core.events import chain
from jupyter_ml.core.events.chain import Head
from jupyter_ml.core.events.events import GENESIS, EventLog, chained
from jupyter_ml.core.events.heads import Heads
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVENTS = 8


@pytest.fixture
def log(tmp_path: Path) -> Workspace:
    """A workspace with eight events."""
    workspace = Workspace(fresh_settings(tmp_path))
    with workspace.store.write() as connection:
        for number in range(1, EVENTS + 1):
            EventLog(connection).append(
                {
                    "time": 1_700_000_000.5 + number,
                    "type": "AwsApiCall",
                    "name": "CreateExperiment",
                    "source": "test",
                    "principal": f"user-{number}",
                    "kind": "Experiment",
                    "key": f"e{number}",
                    "request": {"ExperimentName": f"e{number}", "Ratio": 0.1, "Text": "ä"},
                    "response": {"ExperimentArn": f"arn:{number}"},
                    "error_code": "AccessDeniedException" if number == 4 else None,
                }
            )
    return workspace


@pytest.fixture
def change(log: Workspace) -> Callable[..., None]:
    """Change the database behind the product's back."""

    def change(*statements: str) -> None:
        log.store.close()
        connection = sqlite3.connect(log.root / "jupyter_ml.db")
        with connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    return change


def verify(log: Workspace, *heads: Head) -> chain.Verification:
    with log.store.read() as connection:
        return chain.verify(connection, heads)


def flaws(log: Workspace, *heads: Head) -> list[tuple[str, int]]:
    return [(flaw.kind, flaw.seq) for flaw in verify(log, *heads).flaws]


def head(log: Workspace) -> Head:
    with log.store.read() as connection:
        found = chain.head(connection)
    assert found is not None
    return found


def test_an_untouched_log_is_intact(log: Workspace) -> None:
    found = verify(log, head(log))
    assert (found.events, found.heads, found.flaws) == (EVENTS, 1, [])
    assert found.head == head(log)


def test_an_empty_log_is_intact_and_has_no_head(tmp_path: Path) -> None:
    empty = Workspace(fresh_settings(tmp_path))
    assert (verify(empty).events, verify(empty).head, flaws(empty)) == (0, None, [])


TEXTS = ("event_id", "type", "name", "source", "principal", "kind", "key", "error_code")
DOCUMENTS = ("request", "response", "detail")


@pytest.mark.parametrize("column", [*TEXTS, *DOCUMENTS, "previous_hash", "hash"])
def test_every_single_changed_byte_of_a_column_is_found_and_named(
    log: Workspace, change: Callable[..., None], column: str
) -> None:
    connection = sqlite3.connect(log.root / "jupyter_ml.db")
    (text,) = connection.execute(f"SELECT {column} FROM events WHERE seq = 4").fetchone()
    connection.close()
    # each position, or every seventh of the long ones
    for position in range(0, len(text), 1 if len(text) < 30 else 7):
        changed = text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]
        quoted, original = (value.replace("'", "''") for value in (changed, text))
        change(f"UPDATE events SET {column} = '{quoted}' WHERE seq = 4")
        assert flaws(log)[0] in {("Changed", 4), ("Misplaced", 4)}, changed
        change(f"UPDATE events SET {column} = '{original}' WHERE seq = 4")
    assert flaws(log) == []


def test_a_changed_event_names_what_was_expected_and_what_was_found(
    log: Workspace, change: Callable[..., None]
) -> None:
    change("UPDATE events SET principal = 'eve' WHERE seq = 3")
    (flaw,) = verify(log).flaws
    assert (flaw.seq, flaw.kind) == (3, "Changed")
    with log.store.read() as connection:
        (stored,) = connection.exec_driver_sql("SELECT hash FROM events WHERE seq = 3").one()
    assert flaw.expected == stored
    assert len(flaw.found) == 64
    assert flaw.found != stored
    assert "Event 3" in flaw.message


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET time = time + 0.0000005 WHERE seq = 3",
        "UPDATE events SET kind = NULL WHERE seq = 3",
        "UPDATE events SET request = NULL WHERE seq = 3",
        "UPDATE events SET error_code = '' WHERE seq = 3",
        "UPDATE events SET request = replace(request, ',', ', ') WHERE seq = 3",
        """UPDATE events SET request = '{"Ratio":9,' || substr(request, 2) WHERE seq = 3""",
        "UPDATE events SET principal = CAST(principal AS BLOB) WHERE seq = 3",
    ],
)
def test_changes_that_readers_might_overlook_are_found(
    log: Workspace, change: Callable[..., None], statement: str
) -> None:
    change(statement)
    assert flaws(log) == [("Changed", 3)]


def test_bytes_that_are_no_text_do_not_hide_what_follows(
    log: Workspace, change: Callable[..., None]
) -> None:
    change(
        "UPDATE events SET principal = CAST(x'ff' AS TEXT) WHERE seq = 3",
        "UPDATE events SET principal = 'eve' WHERE seq = 6",
    )
    assert flaws(log) == [("Unreadable", 3), ("Changed", 6)]


@pytest.mark.parametrize(
    ("gone", "message"), [("4", "Event 4 is missing"), ("4, 5, 6", "Events 4 to 6 are missing")]
)
def test_removed_events_are_counted(
    log: Workspace, change: Callable[..., None], gone: str, message: str
) -> None:
    change(f"DELETE FROM events WHERE seq IN ({gone})")
    (flaw,) = verify(log).flaws
    assert flaw.kind == "Missing"
    assert message in flaw.message


def test_the_first_event_is_missed(log: Workspace, change: Callable[..., None]) -> None:
    change("DELETE FROM events WHERE seq = 1")
    assert flaws(log) == [("Missing", 2)]


def test_a_removed_event_is_found_though_the_others_were_numbered_anew(
    log: Workspace, change: Callable[..., None]
) -> None:
    change("DELETE FROM events WHERE seq = 4", "UPDATE events SET seq = seq - 1 WHERE seq > 4")
    (flaw,) = verify(log).flaws
    assert (flaw.kind, flaw.seq) == ("Misplaced", 4)
    assert "not in the log any more" in flaw.message


def test_an_inserted_event_is_found_even_with_a_hash_that_fits(
    log: Workspace, change: Callable[..., None]
) -> None:
    with log.store.read() as connection:
        query = "SELECT * FROM events WHERE seq = 4"
        values = dict(connection.exec_driver_sql(query).mappings().one())
    del values["seq"]
    values.update(principal="eve", request=None, response=None, detail={}, error_code=None)
    forged = chained(values)
    change(
        "UPDATE events SET seq = -seq WHERE seq > 3",
        "UPDATE events SET seq = 1 - seq WHERE seq < 0",
        "INSERT INTO events (seq, event_id, time, type, name, source, principal, kind, key, detail,"
        f" previous_hash, hash) VALUES (4, '{values['event_id']}', {values['time']!r},"
        f" '{values['type']}', '{values['name']}', '{values['source']}', 'eve', '{values['kind']}',"
        f" '{values['key']}', '{{}}', '{values['previous_hash']}', '{forged}')",
    )
    (flaw,) = verify(log).flaws
    assert (flaw.kind, flaw.seq) == ("Misplaced", 5)
    assert "was written behind event 3" in flaw.message


def test_events_that_changed_places_are_found(log: Workspace, change: Callable[..., None]) -> None:
    change(
        "UPDATE events SET seq = -4 WHERE seq = 4",
        "UPDATE events SET seq = 4 WHERE seq = 5",
        "UPDATE events SET seq = 5 WHERE seq = -4",
    )
    assert flaws(log) == [("Misplaced", 4), ("Misplaced", 5), ("Misplaced", 6)]


def test_a_changed_number_is_found(log: Workspace, change: Callable[..., None]) -> None:
    change("UPDATE events SET seq = 100 WHERE seq = 8")
    assert flaws(log) == [("Renumbered", 100)]


def test_an_event_before_the_first_is_found(log: Workspace, change: Callable[..., None]) -> None:
    change("UPDATE events SET seq = -7 WHERE seq = 5")
    assert flaws(log)[0] == ("Misplaced", -7)


def test_an_end_that_was_cut_off_is_found_by_a_head(
    log: Workspace, change: Callable[..., None]
) -> None:
    noted = head(log)
    change("DELETE FROM events WHERE seq > 5")
    assert flaws(log) == []
    (flaw,) = verify(log, noted).flaws
    assert (flaw.kind, flaw.expected, flaw.found) == ("Truncated", "8", "5")
    assert flaws(log, Head(0, noted.hash)) == [("Truncated", 5)]


def test_a_log_that_was_emptied_is_found_by_a_head(
    log: Workspace, change: Callable[..., None]
) -> None:
    noted = head(log)
    change("DELETE FROM events")
    (flaw,) = verify(log, noted).flaws
    assert "The log is empty, but event 8 was its head" in flaw.message


def rewrite(log: Workspace, first: int) -> None:
    """Change an event and give it and all that follow hashes that fit, as an owner can."""
    with log.store.write() as connection:
        previous = GENESIS
        query = "SELECT * FROM events ORDER BY seq"
        for row in connection.exec_driver_sql(query).mappings().all():
            values: dict[str, Any] = dict(row)
            seq = values.pop("seq")
            if seq >= first:
                for name in DOCUMENTS:
                    values[name] = json.loads(values[name]) if values[name] else None
                values["principal"] = "eve"
                values["previous_hash"] = previous
                values["hash"] = chained(values)
                setting = "principal = 'eve', previous_hash = ?, hash = ?"
                connection.exec_driver_sql(
                    f"UPDATE events SET {setting} WHERE seq = ?", (previous, values["hash"], seq)
                )
            previous = values["hash"]


def test_a_chain_that_its_owner_wrote_anew_is_found_by_a_head_only(log: Workspace) -> None:
    early, noted = Head(2, ""), head(log)
    with log.store.read() as connection:
        row = connection.exec_driver_sql("SELECT hash FROM events WHERE seq = 2").one()
    early = Head(2, row[0])
    rewrite(log, 5)
    assert flaws(log) == []
    assert flaws(log, early) == []
    assert flaws(log, early, noted) == [("Rewritten", 8)]
    assert flaws(log, Head(0, noted.hash)) == [("Truncated", 8)]


def test_many_flaws_are_counted_and_not_kept(
    log: Workspace, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "MOST_FLAWS", 3)
    monkeypatch.setattr(chain, "PAGE", 2)
    change("UPDATE events SET principal = 'eve'")
    found = verify(log)
    assert (len(found.flaws), found.more, found.events) == (3, EVENTS - 3, EVENTS)


def test_a_database_with_a_damaged_page_is_refused_with_a_sentence(log: Workspace) -> None:
    log.store.close()
    file = log.root / "jupyter_ml.db"
    data = bytearray(file.read_bytes())
    place = data.index(b"user-3")
    page = place - place % 4096
    data[page : page + 12] = b"\xff" * 12
    file.write_bytes(data)
    reopened = Workspace(Settings(workspace=log.root))
    with pytest.raises(MLError, match=r"malformed|cannot be read|damaged"):
        verify(reopened)


def test_heads_are_noted_once_each_and_read_back(tmp_path: Path) -> None:
    heads = Heads(tmp_path / "audit-heads")
    assert (heads.all(), heads.newest(), heads.is_due(0)) == ([], None, True)
    for seq in (3, 3, 9):
        heads.note(Head(seq, f"{seq:064x}"), "2026-11-25T10:00:00+00:00")
    assert heads.all() == [Head(3, f"{3:064x}"), Head(9, f"{9:064x}")]
    assert heads.path.stat().st_mode & 0o777 == 0o600
    assert not heads.is_due(heads.path.stat().st_mtime + 60)
    assert heads.is_due(heads.path.stat().st_mtime + 700)
