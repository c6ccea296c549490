"""The three kinds of failure that every service tells apart, and the problem details it answers with."""

from typing import Any, Self

import msgspec


class RetryableError(Exception):
    """The same call may succeed later: a broker or database is away, a lock was lost."""


class FieldError(msgspec.Struct, frozen=True):
    """One fault in a body: where (JSON Pointer, RFC 6901) and what."""

    pointer: str
    detail: str


class PermanentError(Exception):
    """The same input will fail again: the event belongs in the dead letters, with this reason.

    `pointer` is the JSON Pointer (RFC 6901) of the field at fault, where one is; of several, the first one's.
    `reason` tells all of them, and `faults` each by itself.
    """

    def __init__(self, reason: str, *, pointer: str | None = None, faults: tuple[FieldError, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pointer = pointer
        self.faults = faults or (FieldError(pointer or "", reason),)


class UnfitError(ValueError):
    """Values that are sound each by itself do not fit together; `place` leads from the thing to the field at fault."""

    def __init__(self, reason: str, *place: str | int) -> None:
        super().__init__(reason)
        self.place = place


class CallerError(Exception):
    """The caller's mistake; answered as problem details (RFC 9457) with `status`."""

    def __init__(
        self,
        status: int,
        title: str,
        *,
        detail: str = "",
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
        kind: str = "about:blank",
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.kind = kind

    @classmethod
    def of_field(cls, pointer: str, detail: str) -> Self:
        """Return that one field of a request is not valid, and why (422)."""
        return cls(422, "The request is not valid", errors=(FieldError(pointer, detail),))

    def problem(self) -> dict[str, Any]:
        """Return the members of the problem details object (RFC 9457, section 3.1)."""
        body: dict[str, Any] = {"type": self.kind, "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in self.errors]
        return body
