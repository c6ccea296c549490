"""What is wrong with a request, as problem details (RFC 9457) say it."""

from typing import Self

import msgspec


class Flaw(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One flaw and where: a JSON Pointer (RFC 6901) into the body as it was sent, the name of a header, or a cell."""

    pointer: str | None = None
    header: str | None = None
    row: int | None = None
    """Of a sheet, as the file counts them from 1."""
    column: str | None = None
    """Of a sheet, by its header."""
    detail: str

    def under(self, parent: str) -> Self:
        """Return the flaw as seen from a document that holds this one at `parent`."""
        return self if self.pointer is None else msgspec.structs.replace(self, pointer=parent + self.pointer)


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The caller's mistake; it encodes as a problem details object."""

    title: str
    status: int
    detail: str = ""
    errors: tuple[Flaw, ...] = ()
    type: str = "about:blank"
    violated_policies: tuple[str, ...] = msgspec.field(name="violated-policies", default=())
    """Of rate limits, by their names."""
    expected_offset: int | None = msgspec.field(name="expected-offset", default=None)
    """Of a part of a file: where it would have to begin, in bytes; and where it says that it does."""
    provided_offset: int | None = msgspec.field(name="provided-offset", default=None)
    retry_after_s: int | None = None
    """When it may help to come back."""

    def under(self, parent: str) -> Self:
        """Return the fault as seen from a document that holds this one at `parent`."""
        return msgspec.structs.replace(self, errors=tuple(flaw.under(parent) for flaw in self.errors))


def not_json(detail: str, pointer: str = "") -> Fault:
    """Return the fault of a body that is no JSON to rely on."""
    return Fault(title="The body is not sound JSON", status=400, errors=(Flaw(pointer=pointer, detail=detail),))


def not_in_contract(*flaws: Flaw) -> Fault:
    """Return the fault of an event that breaks the contract."""
    return Fault(title="The event breaks the contract", status=422, errors=flaws)


def bad_header(header: str, detail: str) -> Fault:
    """Return the fault of a header that cannot be read."""
    return Fault(title="A header cannot be read", status=400, errors=(Flaw(header=header, detail=detail),))


def too_large(detail: str) -> Fault:
    """Return the fault of a request that is over a limit."""
    return Fault(title="The request is too large", status=413, detail=detail, errors=(Flaw(pointer="", detail=detail),))


def wrong_media_type(detail: str) -> Fault:
    """Return the fault of a content type that is not taken."""
    return Fault(
        title="The content type is not taken",
        status=415,
        detail=detail,
        errors=(Flaw(header="content-type", detail=detail),),
    )


def clock_not_taken() -> Fault:
    """Return the fault of an event that would move a clock that runs by itself."""
    return Fault(
        title="The time is not taken from outside",
        status=403,
        detail="This system runs by the wall clock; it takes lanewatch.clock.ticked only when set to replay.",
        errors=(Flaw(pointer="/type", detail="lanewatch.clock.ticked is published by the scheduler alone"),),
    )


def not_your_source(source: str) -> Fault:
    """Return the fault of an event that speaks for somebody else."""
    return Fault(
        title="The source is not yours",
        status=403,
        detail=f"The token does not allow events of the source {source}.",
        errors=(Flaw(pointer="/source", detail="none of the token's `sources`"),),
    )
