"""Rulebooks in files, as operators write them: read, with every fault told by file, place, line and column."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from lanewatch.stack.errors import StackError
from services.licensing.domain.monitoring.compiling import Fault as RuleFault
from services.licensing.domain.monitoring.compiling import RulebookRefused, compile_rulebook
from services.licensing.domain.monitoring.translated import Compiled
from shared.errors import PermanentError
from shared.events import Rulebook
from shared.faults import REFUSALS, refused


class Fault(NamedTuple):
    """What is wrong with a rulebook: where in the document and what; in a text of it also where there."""

    pointer: str
    detail: str
    line: int | None = None
    column: int | None = None
    text: str = ""
    """The line of the text."""


class RulebookAtFault(StackError):
    """A file holds no rulebook that could be rolled out; `faults` tells why, the message all in one."""

    def __init__(self, path: Path, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"{path}, {'; '.join(map(told, faults))}.")
        self.path, self.faults = path, faults


def told(fault: Fault) -> str:
    """Return a fault in words, with its places."""
    where = "" if fault.line is None else f"line {fault.line}, column {fault.column}: "
    return f"{fault.pointer}: {where}{fault.detail}" if fault.pointer else fault.detail


def read(path: Path) -> Rulebook:
    """Return a rulebook whose rules compile. Raises StackError naming the file and the places of its faults."""
    return compiled(path).rulebook


def compiled(path: Path) -> Compiled:
    """Return a rulebook with what its rules take. Raises StackError as `read` does."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StackError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        rulebook = msgspec.json.decode(text, type=Rulebook)
    except REFUSALS as error:
        raise RulebookAtFault(path, _of_contract(refused(text, Rulebook, error))) from error
    try:
        return compile_rulebook(rulebook)
    except RulebookRefused as error:
        raise RulebookAtFault(path, tuple(_of_rule(rulebook, fault) for fault in error.faults)) from error


def _of_contract(error: PermanentError) -> tuple[Fault, ...]:
    return tuple(Fault(fault.pointer, fault.detail) for fault in error.faults)


def _of_rule(rulebook: Rulebook, fault: RuleFault) -> Fault:
    """Return a fault with the line that it is in; one of all rules together is in none."""
    _, _, number, field = (*fault.pointer.split("/"), "", "")[:4]
    text = getattr(rulebook.rules[int(number)], field) if field else ""
    line = (text.split("\n") + [""] * fault.place.line)[fault.place.line - 1]
    return Fault(fault.pointer, fault.detail, fault.place.line, fault.place.column, line)
