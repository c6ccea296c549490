"""What operators roll out: monitoring rules, by version."""

from typing import Any

from services.licensing.domain.book import Book, Ending
from services.licensing.domain.monitoring.compiling import RulebookRefused, compile_rulebook
from services.licensing.domain.monitoring.rulebooks import RolledOut
from shared.cloudevents import Event
from shared.errors import PermanentError
from shared.events import PolicyRolledOut


def on_rolled_out(book: Book, event: Event[PolicyRolledOut]) -> Ending:
    """Put monitoring rules into force. Raises PermanentError for a version that is there, and for rules at fault."""
    version = event.data.version
    if version in book.rulebooks:
        raise PermanentError(f"rulebook {version} was rolled out before", pointer="/data/version")
    try:
        compiled = compile_rulebook(event.data)
    except RulebookRefused as refused:
        raise refused.as_permanent("/data") from refused
    ordinal = 1 + max((each.ordinal for each in book.rulebooks.values()), default=0)
    book.rulebooks[version] = RolledOut(ordinal, event.time, event.name, compiled)
    book.touch("rulebook", version)
    book.removed.discard(("rulebook", version))
    return Ending("decided", "rolled out")


def refold(book: Book, events: list[Event[Any]]) -> None:
    """Let only those rulebooks be there that a history without some event rolls out; decisions by others stand."""
    kept = {event.data.version for event in events}
    for version in set(book.rulebooks) - kept:
        del book.rulebooks[version]
        book.removed.add(("rulebook", version))
        book.touched["rulebook"].discard(version)
