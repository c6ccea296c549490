"""What tells two rulebooks apart."""

from services.licensing.domain.monitoring.comparing import Difference, compare
from tests.support.rules import rule, rulebook


def test_rules_are_added_removed_changed_and_unchanged_by_their_ids() -> None:
    old = rulebook(rule("true", "same"), rule("true", "gone"), rule("true", "other", says="old words"))
    new = rulebook(rule("false", "other", says="new words"), rule("true", "new"), rule("true", "same"))
    found = compare(old, new)
    assert [each.id for each in found.added] == ["new"]
    assert [each.id for each in found.removed] == ["gone"]
    (changed,) = found.changed
    assert changed.id == "other"
    assert changed.differences == (
        Difference("when", "true", "false"),
        Difference("says", "old words", "new words"),
    )
    assert found.unchanged == 1


def test_without_another_everything_is_added() -> None:
    found = compare(None, rulebook(rule("true", "one")))
    assert ([each.id for each in found.added], found.removed, found.changed, found.unchanged) == (["one"], (), (), 0)
