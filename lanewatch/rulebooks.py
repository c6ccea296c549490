"""Rulebooks in files, as operators write them: read, with every fault told by file, place, line and column."""

from pathlib import Path

import msgspec

from lanewatch.stack.errors import StackError
from services.licensing.domain.monitoring.compiling import RulebookRefused, compile_rulebook
from shared.errors import PermanentError
from shared.events import Rulebook
from shared.faults import REFUSALS, refused


def read(path: Path) -> Rulebook:
    """Return a rulebook whose rules compile. Raises StackError naming the file and the places of its faults."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StackError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        rulebook = msgspec.json.decode(text, type=Rulebook)
    except REFUSALS as error:
        raise _fault(path, refused(text, Rulebook, error)) from error
    try:
        compile_rulebook(rulebook)
    except RulebookRefused as error:
        raise _fault(path, error.as_permanent("")) from error
    return rulebook


def _fault(path: Path, error: PermanentError) -> StackError:
    told = "; ".join(f"{fault.pointer}: {fault.detail}" if fault.pointer else fault.detail for fault in error.faults)
    return StackError(f"{path}, {told}.")
