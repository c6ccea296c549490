"""The one kind of error that the stack reports to a person."""

import errno


class StackError(Exception):
    """Something a person can mend; the message is one sentence or two, and says how; details stand in lines below."""


def explain(error: Exception) -> str:
    """Return the error for a person: one line, and below it the details, where there are any."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = f" ({error.filename})" if error.filename else ""
        return (
            f"The disk is full{where}. Make room, or set LANEWATCH_STATE_DIR and LANEWATCH_CACHE_DIR to another disk."
        )
    if isinstance(error, StackError):
        return "\n".join(line.rstrip() for line in str(error).splitlines())
    return " ".join(str(error).split())
