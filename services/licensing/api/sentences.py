"""The verdict that stands at the head of each page, in one sentence."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

Answer = Mapping[str, Any]
UNITS = {"KGM": "kg", "C62": "uses"}
RESERVATIONS = {
    "none": "it draws on nothing",
    "reserved": "what it draws is reserved",
    "written_off": "what it draws is written off",
    "given_back": "what it drew was given back",
}


def of_shipment(answer: Answer) -> str:
    """Say what was decided of a shipment, why, and where it stands."""
    name = f"Shipment {answer['shipment_id']}"
    if answer["progress"] == "retracted":
        return f"{name} was taken back; {RESERVATIONS[answer['reservation']]}."
    if answer["outcome"] is None:
        waits = (answer["waiting_for"] or "something").replace(":", " ", 1)
        return f"{name} is not decided: it waits for {waits}."
    held = ", and held on its way" if answer["is_held"] else ""
    where = f"it is {answer['progress']}{held}, and {RESERVATIONS[answer['reservation']]}"
    return f"{name} is {_decided(answer['outcome'], answer['decisions'][-1]['reasons'])}; {where}."


def _decided(outcome: str, reasons: list[Answer]) -> str:
    if outcome == "permitted":
        return "permitted, as no rule refused or held it"
    why = next((reason["says"] for reason in reasons if reason.get("effect") in ("refused", "held")), None)
    return f"{outcome}: {why or reasons[0]['says']}" if reasons else outcome


def of_event(answer: Answer) -> str:
    """Say what became of an event."""
    name = f"Event {answer['id']} of {answer['source']}"
    if answer["status"] == "waiting":
        return f"{name} was not seen by licensing yet."
    if answer["status"] == "dead":
        return f"{name} could not be used: {answer['dead_letters'][0]['reason']}."
    if answer["status"] == "parked":
        return f"{name} waits for {answer['waiting_for'].replace(':', ' ', 1)}."
    brought = [
        _count(len(answer["decisions"]), "decision"),
        _count(len(answer["ledger"]), "ledger entry", "ledger entries"),
        _count(len(answer["lane_changes"]), "change of a lane", "changes of lanes"),
    ]
    back = f"; it was taken back by {answer['retracted_by']}" if answer["retracted_by"] else ""
    return f"{name} was taken in ({answer['outcome']}) and brought {', '.join(brought)}{back}."


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number or 'no'} {one if number == 1 else many or one + 's'}"


def of_licence(answer: Answer) -> str:
    """Say what a licence is, until when, and what it has left."""
    name = f"Licence {answer['licence_id']}"
    if answer["state"] == "awaited":
        return f"{name} is named by shipments and was not issued yet."
    until = datetime.fromisoformat(answer["valid_until"]).date().isoformat()
    return f"{name} of {answer['exporter']} is {answer['state']}, valid until {until}; {_left(answer['accounts'])}."


def _left(accounts: list[Answer]) -> str:
    masses = [account for account in accounts if account["unit"] == "KGM"] or accounts
    if not masses or len({account["unit"] for account in masses}) > 1:
        return "its lines are below" if masses else "it has no limit of quantity"
    left, granted = (sum(Decimal(account[part]) for account in masses) for part in ("left", "granted"))
    unit = UNITS.get(masses[0]["unit"], masses[0]["unit"])
    over = f" over {len(masses)} lines" if len(masses) > 1 else ""
    return f"{left:,f} {unit} of {granted:,f} {unit} are left{over}"


def of_quota(answer: Answer) -> str:
    """Say what a quota has left, in which period, and whether it may be drawn."""
    statuses = answer["state"]["statuses"]
    is_now = "" if not statuses or statuses[-1][1] == "open" else f" and is {statuses[-1][1]}"
    start, end = (datetime.fromisoformat(answer["terms"][f"period_{edge}"]).date() for edge in ("start", "end"))
    whole = [account for account in answer["accounts"] if account["account"].count(":") == 1]
    what = _left(whole)
    return f"Quota {answer['quota_id']}, from {start} until {end}{is_now}: {what}."


def of_lane(answer: Answer) -> str:
    """Say how a lane flows, since when and why."""
    since = f" since {datetime.fromisoformat(answer['since']).date().isoformat()}" if answer["since"] else ""
    where = "the world" if answer["destination"] == "world" else answer["destination"]
    why = f": {answer['reasons'][0]['says']}" if answer["reasons"] else ""
    return f"{answer['commodity_group']} from {answer['origin']} to {where}: {answer['state']}{since}{why}."


SENTENCES: dict[str, Callable[[Answer], str]] = {
    "shipment": of_shipment,
    "event": of_event,
    "licence": of_licence,
    "quota": of_quota,
    "lane": of_lane,
}
"""By template."""
