"""The usual way: FastAPI with pydantic models, one awaited send for each request."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import BaseModel, Field

from services.ingest.settings import IngestSettings


class Commodity(BaseModel):
    """What the goods are."""

    hs: str = Field(pattern="^[0-9]{6,10}$")
    elements: list[str] = []
    form: str | None = None


class Mass(BaseModel):
    """How much."""

    value: Decimal = Field(gt=0)
    unit: str


class Line(BaseModel):
    """One kind of goods."""

    line_no: int = Field(ge=1)
    commodity: Commodity
    net_mass: Mass
    value: dict[str, str] | None = None
    licence_id: str | None = None


class Declared(BaseModel):
    """What is declared."""

    shipment_id: str
    exporter: str
    consignee: str
    origin: str = Field(pattern="^[A-Z]{2}$")
    destination: str = Field(pattern="^[A-Z]{2}$")
    lines: list[Line] = Field(min_length=1)


class Event(BaseModel):
    """A CloudEvent."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: datetime
    data: Declared


settings = IngestSettings()
state: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Connect for as long as the process serves."""
    # linger and batch sizes as the library has them; acks as ours, or it would promise less.
    state["producer"] = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap, acks="all", enable_idempotence=True
    )
    await state["producer"].start()
    yield
    await state["producer"].stop()


app = FastAPI(lifespan=lifespan)


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    """Say that it serves."""
    return {"status": "pass"}


@app.post("/v1/events", status_code=202)
async def take(event: Event) -> dict[str, Any]:
    """Validate, produce, answer."""
    body = event.model_dump_json().encode()
    place = await state["producer"].send_and_wait(settings.topic_events, body, event.data.shipment_id.encode())
    return {"topic": place.topic, "partition": place.partition, "offset": place.offset}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
