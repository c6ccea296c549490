"""Hypothesis strategies for licences that a register can tell of."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import get_args

from hypothesis import strategies as st

from services.licensing.importing.register import Opening
from shared.events import LicenceIssued, LicenceKind, LicenceLine, Money, Selector
from shared.masses import Mass

ids = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="|,;"),
    min_size=1,
    max_size=12,
)
plain_ids = ids.filter(lambda text: not text.startswith(("=", "#")))
id_lists = st.lists(plain_ids, max_size=3, unique=True).map(tuple)
countries = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
moments = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - naive bounds are what the strategy takes
    datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
masses = st.builds(
    lambda mg, unit: Mass(Decimal(mg) / {"KGM": 10**6, "TNE": 10**9, "MGM": 1}[unit], unit),
    st.integers(0, 10**15),
    st.sampled_from(["KGM", "TNE", "MGM"]),
)
amounts = st.builds(
    lambda units, currency: Money(amount=f"{Decimal(units) / 10_000:.4f}", currency=currency),
    st.integers(0, 10**15),
    st.sampled_from(["EUR", "CNY"]),
)
selectors = st.builds(
    Selector,
    hs=st.lists(st.text("0123456789", min_size=2, max_size=12), min_size=1, max_size=3, unique=True).map(tuple),
    elements=st.lists(st.sampled_from(["Dy", "Tb", "Sm"]), max_size=3, unique=True).map(tuple),
    forms=st.lists(st.sampled_from(["magnet", "oxide"]), max_size=2, unique=True).map(tuple),
    control_codes=id_lists,
)


@st.composite
def licences(draw: st.DrawFn) -> tuple[LicenceIssued, tuple[Opening, ...]]:
    kind: LicenceKind = draw(st.sampled_from(get_args(LicenceKind)))
    grants = kind != "certificate"
    begins, ends = draw(st.tuples(moments, moments).filter(lambda pair: pair[0] != pair[1]).map(sorted))
    lines = tuple(
        LicenceLine(
            line_no=line_no,
            covers=draw(selectors),
            mass=draw(st.none() | masses) if grants else None,
            measure=draw(st.sampled_from(["net", "gross", "reo", "metal"])),
            value=draw(st.none() | amounts) if grants else None,
        )
        for line_no in draw(st.lists(st.integers(1, 9999), min_size=1, max_size=4, unique=True))
    )
    users = draw(id_lists)
    terms = LicenceIssued(
        licence_id=draw(plain_ids),
        kind=kind,
        authority=draw(plain_ids),
        batch_id=draw(st.none() | plain_ids),
        exporter=draw(plain_ids),
        origin=draw(countries),
        destinations=draw(st.lists(countries, min_size=1, max_size=4, unique=True).map(tuple)),
        consignees=draw(id_lists),
        end_users=users[:1] if kind == "individual" else users,
        end_uses=draw(id_lists),
        ports=draw(id_lists),
        bars_re_export=draw(st.booleans()),
        needs_evidence=draw(id_lists),
        report_within_days=draw(st.none() | st.integers(1, 3660)),
        valid_from=begins,
        valid_until=ends,
        lines=lines,
    )
    used = tuple(
        Opening(0, line.line_no, line.mass, line.value)
        for line in lines
        if (line.mass or line.value) and draw(st.booleans())
    )
    return terms, used
