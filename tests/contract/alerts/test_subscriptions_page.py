"""The page about subscriptions: its examples are taken, and it names the facts that there are."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from services.alerts.api.previews import PreviewForm
from services.alerts.api.subscription_forms import SubscriptionChange, SubscriptionForm
from services.alerts.domain.facts import CLASSES
from shared.cel.kinds import facts_of

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "alerts" / "subscriptions.md").read_text("utf-8")
FORMS: dict[str, type[BaseModel]] = {
    "create": SubscriptionForm,
    "preview": PreviewForm,
    "change": SubscriptionChange,
}
EXAMPLES = re.findall(r"<!-- (\w+) -->\n```json\n(.*?)```", PAGE, re.DOTALL)


def test_each_form_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == set(FORMS)


@pytest.mark.parametrize("name,example", EXAMPLES)
def test_what_the_page_shows_is_taken(name: str, example: str) -> None:
    FORMS[name].model_validate_json(example)


def table(kind: type[Any]) -> Iterator[str]:
    yield f"**{kind.NAME}**: {kind.__doc__}"
    yield ""
    yield "| fact | kind | what |"
    yield "| --- | --- | --- |"
    for name, about in facts_of(kind).items():
        most = f", {about.most} at most" if about.most else ""
        yield f"| `{name}` | {about.kind}{most}{', may be absent' if about.is_optional else ''} | {about.says} |"


@pytest.mark.parametrize("kind", CLASSES)
def test_the_page_has_every_fact_as_it_is(kind: type[Any]) -> None:
    wanted = "\n".join(table(kind))
    assert wanted in PAGE, f"put this on the page:\n{wanted}"
