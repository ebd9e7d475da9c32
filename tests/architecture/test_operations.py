import pytest

from jupyter_ml.contract import model
from jupyter_ml.contract.members import audit_members
from jupyter_ml.services import data_plane, registry

OPERATIONS = sorted({*registry().operations, *data_plane()})


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_member_of_a_request_is_used_recorded_or_rejected(name):
    assert not audit_members(name, registry().members_of(name))


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_in_the_contract(name):
    assert model.operation(name).name == name


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_documented(name, root):
    pages = (root / "docs" / "look-up").rglob("*.md")
    assert any(f"## {name}\n" in page.read_text() for page in pages)


def test_our_own_operations_are_all_implemented():
    own = set(model.operations("jupyter-ml"))
    assert own <= set(OPERATIONS)


def test_a_table_of_members_belongs_to_an_operation_that_there_is():
    assert set(registry().members) <= set(OPERATIONS)
