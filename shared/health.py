"""Health as three questions: is the process making progress, may it be given work, has it started."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

Check = Callable[[], Awaitable[str | None]]
"""Returns None when well, else the reason in one sentence."""

CONTENT_TYPE_HEALTH = "application/health+json"


class Health:
    """Named checks of one service, answered at `/health/live`, `/health/ready` and `/health/startup`.

    Liveness checks say that the process is stuck and should be restarted; readiness checks say
    that a dependency is away and work should wait. Notes are told with readiness and hold no work up.
    """

    def __init__(self, service: str, *, timeout_s: float = 2.0) -> None:
        self.service = service
        self.timeout_s = timeout_s
        self.is_started = False
        self._live: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}
        self._notes: dict[str, Check] = {}

    def add_live(self, name: str, check: Check) -> None:
        """Add a check that fails only when a restart would help."""
        self._live[name] = check

    def add_ready(self, name: str, check: Check) -> None:
        """Add a check that fails while a dependency is away."""
        self._ready[name] = check

    def add_note(self, name: str, check: Check) -> None:
        """Add a check for what somebody should look at while the process goes on with its work."""
        self._notes[name] = check

    async def why_not_live(self) -> list[str]:
        """Return the reasons for which a restart would help; none when all is well."""
        answers = await asyncio.gather(*map(self._ask, self._live.values()))
        return [f"{name}: {reason}" for name, reason in zip(self._live, answers, strict=True) if reason]

    async def _ask(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(self.timeout_s):
                return await check()
        except TimeoutError:
            return f"no answer within {self.timeout_s:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a check raises is the reason
            return f"{type(error).__name__}: {error}"

    async def _answer(
        self, checks: dict[str, Check], notes: dict[str, Check] | None = None, *, must_be_started: bool
    ) -> Response:
        # Read before anything is asked: what starts meanwhile has added checks that are not asked here.
        is_starting = must_be_started and not self.is_started
        reasons = dict(zip(checks, await asyncio.gather(*map(self._ask, checks.values())), strict=True))
        notes = notes or {}
        noted = dict(zip(notes, await asyncio.gather(*map(self._ask, notes.values())), strict=True))
        if is_starting:
            reasons["startup"] = "still starting"
        failed = any(reasons.values())
        status = "fail" if failed else "warn" if any(noted.values()) else "pass"
        body: dict[str, Any] = {"status": status, "serviceId": self.service}
        body["checks"] = {
            name: [{"status": bad, "output": reason} if reason else {"status": "pass"}]
            for bad, found in (("fail", reasons), ("warn", noted))
            for name, reason in found.items()
        }
        return Response(msgspec.json.encode(body), 503 if failed else 200, media_type=CONTENT_TYPE_HEALTH)

    def router(self) -> APIRouter:
        """Return the three routes."""
        router = APIRouter(prefix="/health", tags=["health"])

        @router.get("/live")
        async def live() -> Response:
            """Whether the process makes progress; 503 says: restart it."""
            return await self._answer(self._live, must_be_started=False)

        @router.get("/ready")
        async def ready() -> Response:
            """Whether the process can do its work now, with a reason for each dependency."""
            return await self._answer({**self._live, **self._ready}, self._notes, must_be_started=True)

        @router.get("/startup")
        async def startup() -> Response:
            """Whether the process has started."""
            return await self._answer({}, must_be_started=True)

        return router
