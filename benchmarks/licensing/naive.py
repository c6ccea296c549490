"""A consumer as one would write it first: one event, one transaction, through an object-relational mapper.

It keeps what any licensing service must keep (which events were seen, balances, ledger, decisions,
an outbox) and checks licence and quota under a row lock. Lanes, gates, parking and reasons it has not.
"""

import secrets
import sys
from datetime import datetime
from typing import Any

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer
from sqlalchemy import BigInteger, ForeignKey, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import DateTime

from benchmarks.worker import Clock, Outcome, tell
from services.licensing.settings import LicensingSettings
from shared.cloudevents import Event, entity_key, read_trade_event
from shared.events import LicenceTerms, ShipmentDeclared, ShipmentMilestone, TradeData

GRANTED_MG = 900_000_000 * 10**6
HS_OF_QUOTAS = ("850511", "284690")
"""The quotas of the load's registers."""


class Base(DeclarativeBase):
    """The mapper's registry."""

    type_annotation_map = {dict[str, Any]: JSONB, int: BigInteger, datetime: DateTime(timezone=True)}  # noqa: RUF012 - as the library documents it


class Seen(Base):
    """An event that was dealt with."""

    __tablename__ = "seen"
    source: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    time: Mapped[datetime]
    body: Mapped[dict[str, Any]]
    outcome: Mapped[str]


class LicenceRow(Base):
    """A licence with one balance."""

    __tablename__ = "licence"
    licence_id: Mapped[str] = mapped_column(primary_key=True)
    exporter: Mapped[str]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    terms: Mapped[dict[str, Any]]
    granted_mg: Mapped[int]
    used_mg: Mapped[int] = mapped_column(default=0)


class QuotaRow(Base):
    """A quota with one balance."""

    __tablename__ = "quota"
    hs: Mapped[str] = mapped_column(primary_key=True)
    granted_mg: Mapped[int]
    used_mg: Mapped[int] = mapped_column(default=0)


class ShipmentRow(Base):
    """A shipment and its lines."""

    __tablename__ = "shipment"
    shipment_id: Mapped[str] = mapped_column(primary_key=True)
    exporter: Mapped[str]
    destination: Mapped[str]
    declared_at: Mapped[datetime]
    progress: Mapped[str]
    outcome: Mapped[str]
    terms: Mapped[dict[str, Any]]
    entries: Mapped[list["EntryRow"]] = relationship(lazy="selectin")
    decisions: Mapped[list["DecisionRow"]] = relationship()


class EntryRow(Base):
    """One change of a balance."""

    __tablename__ = "entry"
    number: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    mass_mg: Mapped[int]
    shipment_id: Mapped[str] = mapped_column(ForeignKey("shipment.shipment_id"), index=True)
    caused_by: Mapped[str]


class DecisionRow(Base):
    """What was decided of a shipment."""

    __tablename__ = "decision"
    number: Mapped[int] = mapped_column(primary_key=True)
    shipment_id: Mapped[str] = mapped_column(ForeignKey("shipment.shipment_id"), index=True)
    outcome: Mapped[str]
    reasons: Mapped[dict[str, Any]]
    caused_by: Mapped[str]


class OutboxRow(Base):
    """What is to be published."""

    __tablename__ = "outbox"
    number: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    body: Mapped[dict[str, Any]]


async def on_event(session: AsyncSession, event: Event[TradeData]) -> None:
    """Do what one event asks for, unless it was done before."""
    if await session.get(Seen, (event.source, event.id)) is not None:
        return
    outcome = "applied"
    if isinstance(event.data, ShipmentDeclared):
        outcome = await _on_declared(session, event, event.data)
    elif isinstance(event.data, ShipmentMilestone):
        outcome = await _on_milestone(session, event, event.data)
    elif isinstance(event.data, LicenceTerms):
        await _on_licence(session, event.data)
    seen = Seen(source=event.source, id=event.id, type=event.type, time=event.time, outcome=outcome)
    seen.body = msgspec.to_builtins(event.data)
    session.add(seen)


async def _on_licence(session: AsyncSession, data: LicenceTerms) -> None:
    row = await session.get(LicenceRow, data.licence_id, with_for_update=True)
    if row is None:
        row = LicenceRow(licence_id=data.licence_id)
        session.add(row)
    row.exporter, row.valid_from, row.valid_until = data.exporter, data.valid_from, data.valid_until
    row.granted_mg = sum(line.mass.mg for line in data.lines if line.mass)
    row.terms = msgspec.to_builtins(data)
    _publish(session, f"licence:{data.licence_id}", {"granted_mg": row.granted_mg})


async def _on_declared(session: AsyncSession, event: Event[TradeData], data: ShipmentDeclared) -> str:
    shipment = ShipmentRow(
        shipment_id=data.shipment_id,
        exporter=data.exporter,
        destination=data.destination,
        declared_at=event.time,
        progress="declared",
        outcome="permitted",
        terms=msgspec.to_builtins(data),
        entries=[],
        decisions=[],
    )
    reasons: dict[str, Any] = {}
    for line in data.lines:
        licence = await session.get(LicenceRow, line.licence_id, with_for_update=True) if line.licence_id else None
        quota = await session.scalar(select(QuotaRow).where(QuotaRow.hs == line.commodity.hs).with_for_update())
        refusal = _refusal(data, event.time, line.net_mass.mg, licence, quota)
        reasons[str(line.line_no)] = refusal or "enough is left"
        if refusal:
            shipment.outcome = "denied"
            continue
        for account, row in ((f"licence:{line.licence_id}", licence), (f"quota:{line.commodity.hs}", quota)):
            if row is not None:
                row.used_mg += line.net_mass.mg
                entry = EntryRow(account=account, kind="reserve", mass_mg=line.net_mass.mg, caused_by=event.name)
                shipment.entries.append(entry)
    decided = {"outcome": shipment.outcome, "reasons": reasons}
    shipment.decisions.append(DecisionRow(**decided, caused_by=event.name))
    session.add(shipment)
    _publish(session, entity_key(event), {"shipment_id": data.shipment_id, **decided})
    return shipment.outcome


def _refusal(
    data: ShipmentDeclared, at: datetime, asked_mg: int, licence: LicenceRow | None, quota: QuotaRow | None
) -> str | None:
    if licence is None:
        return "the licence is not known"
    if licence.exporter != data.exporter or data.destination not in licence.terms["destinations"]:
        return "the licence is for another exporter or destination"
    if not licence.valid_from <= at < licence.valid_until:
        return "the licence is not valid"
    for row in (licence, quota):
        if row is not None and row.granted_mg - row.used_mg < asked_mg:
            return "not enough is left"
    return None


async def _on_milestone(session: AsyncSession, event: Event[TradeData], data: ShipmentMilestone) -> str:
    shipment = await session.get(ShipmentRow, data.shipment_id, with_for_update=True)
    if shipment is None:
        return "the shipment is not known"
    step = event.type.rpartition(".")[2]
    shipment.progress = step
    if step in ("cleared", "cancelled", "rejected"):
        kind = "write_off" if step == "cleared" else "give_back"
        for entry in [e for e in shipment.entries if e.kind == "reserve"]:
            fields = {"account": entry.account, "kind": kind, "mass_mg": entry.mass_mg, "caused_by": event.name}
            shipment.entries.append(EntryRow(**fields))
    _publish(session, entity_key(event), {"shipment_id": data.shipment_id, "step": step})
    return step


def _publish(session: AsyncSession, key: str, body: dict[str, Any]) -> None:
    session.add(OutboxRow(key=key, body=body))


async def drain(settings: LicensingSettings, events: int) -> Outcome:
    """Read so many events, one transaction each, and commit each one's offset after it."""
    engine = create_async_engine(settings.database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE SCHEMA IF NOT EXISTS naive"))
        await connection.execute(text("SET search_path TO naive"))
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()
    engine = create_async_engine(
        settings.database_url, connect_args={"server_settings": {"search_path": "naive", "jit": "off"}}
    )
    sessions = async_sessionmaker(engine)
    async with sessions.begin() as session:
        session.add_all(QuotaRow(hs=hs, granted_mg=GRANTED_MG) for hs in HS_OF_QUOTAS)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=f"naive-{secrets.token_hex(4)}",  # its offsets are Kafka's, and each round begins anew
        auto_offset_reset="earliest",
        enable_auto_commit=False,  # a timer would commit what is not dealt with yet
    )
    await consumer.start()
    consumer.subscribe([settings.topic_events])
    clock = Clock()
    for number in range(events):
        record = await consumer.getone()
        clock = clock if number else Clock()
        async with sessions.begin() as session:
            await on_event(session, read_trade_event(record.value))
        await consumer.commit()
    outcome = clock.outcome(events)
    await consumer.stop()
    await engine.dispose()
    return outcome


if __name__ == "__main__":
    tell(uvloop.run(drain(LicensingSettings(), int(sys.argv[1]))))
