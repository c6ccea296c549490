"""The routes that tell when a licence or a quota runs out at the present rate."""

from fastapi import Request
from starlette.responses import Response

from services.licensing.api.asking import Name, engine_of, json_answer, make_router
from services.licensing.api.forecast_answers import COVERAGE, LicenceForecast, QuotaForecast, account_answer
from services.licensing.domain import outlook
from services.licensing.domain.ledger import account_name
from services.licensing.store import drawing
from shared.database import transaction
from shared.errors import CallerError

router = make_router()


@router.get("/licences/{licence_id:id}/forecast", tags=["licences"], responses={200: {"model": LicenceForecast}})
async def licence_forecast(request: Request, licence_id: Name) -> Response:
    """Tell when each account of a licence runs out at the present rate, with a range, or why that cannot be told."""
    async with transaction(engine_of(request)) as c:
        now = await drawing.now_of(c)
        licence = await drawing.licence(c, licence_id)
        found = await drawing.accounts(c, account_name("licence", licence_id), now)
    if licence is None:
        raise CallerError(404, "There is no such licence")
    accounts = [account_answer(told) for told in outlook.of_licence(licence, found, now)]
    head = {"licence_id": licence_id, "state": licence.state, "as_of": now, "coverage": COVERAGE}
    return json_answer({**head, "accounts": accounts})


@router.get("/quotas/{quota_id:id}/forecast", tags=["quotas"], responses={200: {"model": QuotaForecast}})
async def quota_forecast(request: Request, quota_id: Name) -> Response:
    """Tell when each account of a quota runs out at the present rate, the tranches that are known to come included."""
    async with transaction(engine_of(request)) as c:
        now = await drawing.now_of(c)
        quota = await drawing.quota(c, quota_id)
        found = await drawing.accounts(c, account_name("quota", quota_id), now)
    if quota is None:
        raise CallerError(404, "There is no such quota")
    accounts = [account_answer(told) for told in outlook.of_quota(quota, found, now)]
    head = {"quota_id": quota_id, "state": quota.status(now), "as_of": now, "coverage": COVERAGE}
    return json_answer({**head, "accounts": accounts})
