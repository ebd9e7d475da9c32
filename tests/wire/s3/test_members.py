"""What becomes of each member: nothing that botocore's S3 knows is overlooked."""

from __future__ import annotations

import re

from jupyter_ml.aws.s3.gateway import OPERATIONS
from jupyter_ml.aws.s3.members import MEMBERS
from jupyter_ml.contract import model

_WORD = re.compile(r"used|(recorded|rejected): \S.*")


def test_every_member_of_every_operation_is_classified() -> None:
    document = model.document("s3")
    lacking = []
    for name in MEMBERS:
        reference = document["operations"][name].get("input")
        members = document["shapes"][reference["shape"]]["members"] if reference else {}
        lacking += [f"{name}.{each}" for each in members if each not in MEMBERS[name]]
    assert lacking == []


def test_nothing_is_classified_that_is_not_there() -> None:
    document = model.document("s3")
    strange = []
    for name, words in MEMBERS.items():
        shape = document["shapes"][document["operations"][name]["input"]["shape"]]
        tops = {path.partition(".")[0] for path in words}
        strange += [f"{name}.{each}" for each in tops - set(shape["members"])]
        strange += [f"{name}: {word}" for word in words.values() if not _WORD.fullmatch(word)]
    assert strange == []


def test_every_operation_that_is_there_has_its_table() -> None:
    assert set(MEMBERS) == set(OPERATIONS)
