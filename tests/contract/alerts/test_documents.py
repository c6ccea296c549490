"""The pages about recoveries, evidence, escalation and the local receiver say what is there."""

import inspect
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from lanewatch import verifying
from lanewatch.cli import listen
from lanewatch.stack.config import PROJECT
from services.alerts.api.escalations import EscalationForm
from services.alerts.api.recoveries import RecoveryForm
from services.alerts.domain.evidence import Checkpoint, Link
from services.alerts.main import build
from services.alerts.settings import AlertsSettings

PAGES = PROJECT / "docs" / "alerts"


def fields_of_tables(text: str) -> list[list[str]]:
    """Return the first column of each table."""
    tables, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append(re.findall(r"`([^`]+)`", line.split("|")[1]))
        elif rows:
            tables.append([name for row in rows for name in row])
            rows = []
    return tables


@pytest.mark.parametrize("page,form", [("recovery", RecoveryForm), ("acknowledgement", EscalationForm)])
def test_the_tables_tell_every_field(page: str, form: type[BaseModel]) -> None:
    (table,) = fields_of_tables((PAGES / f"{page}.md").read_text())
    assert table == list(form.model_fields)


def test_the_format_of_evidence_is_told_whole_and_hashed_in_that_order() -> None:
    text = (PAGES / "evidence.md").read_text()
    attempt, checkpoint = fields_of_tables(text)
    hashed = re.findall(r"^\| `(\w+)` \| yes", text, re.MULTILINE)
    assert hashed == [*Link.__struct_fields__, *Checkpoint.__struct_fields__]
    assert set(attempt) == set(verifying.FIELDS["attempt"])
    assert set(checkpoint) == set(verifying.FIELDS["checkpoint"])
    assert verifying.PREFIX.decode().strip() in text


def test_the_options_of_listen_are_those_of_the_page() -> None:
    (table,) = fields_of_tables((PAGES / "listening.md").read_text())
    options = {f"--{name}" for name in inspect.signature(listen).parameters}
    assert set(table) == options


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_paths_of_the_pages_are_there(page: Path) -> None:
    known = {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for path, item in build(AlertsSettings()).openapi()["paths"].items()
        for method in item
    }
    said = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/v1/[^`\s?]*)", page.read_text())
    assert {(method, re.sub(r"{\w+}", "{}", path)) for method, path in said} <= known
