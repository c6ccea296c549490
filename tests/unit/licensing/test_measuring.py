"""What is counted of goods: net and gross mass, contained oxide and metal, with the factor and its source told."""

from decimal import Decimal
from typing import Any

import pytest

from services.licensing.domain.measuring import Unmeasurable, measured
from services.licensing.domain.policy import Policy
from shared.events import Commodity, Content, ShipmentLine
from shared.masses import Mass
from tests.support.books import Books
from tests.support.trade import declared, quota

MG_PER_KG = 10**6


def line(form: str, kg: str, elements: tuple[str, ...] = (), **contents: str) -> ShipmentLine:
    named = tuple(Content(element=e, percent=Decimal(p)) for e, p in contents.items())
    goods = Commodity(hs="280530", form=form, elements=elements, contents=named)  # type: ignore[arg-type]
    return ShipmentLine(line_no=1, commodity=goods, net_mass=Mass(Decimal(kg)))


@pytest.mark.parametrize(
    "goods,measure,kg",
    [
        (line("metal", "1000", ("Dy",)), "reo", "1147.7"),
        (line("oxide", "1147.7", ("Dy",)), "metal", "1000"),
        (line("oxide", "500", ("Dy", "Tb")), "reo", "500"),
        (line("magnet", "1000", Nd="29", Dy="3"), "reo", "372.687"),
        (line("magnet", "1000", Nd="29", Dy="3", Fe="66"), "metal", "320"),
        (line("compound", "10", Ce="50"), "reo", "6.142"),
    ],
)
def test_masses_are_converted_by_the_oxides_of_the_trade(
    policy: Policy, goods: ShipmentLine, measure: Any, kg: str
) -> None:
    assert measured(goods, measure, policy).mass_mg == int(Decimal(kg) * MG_PER_KG)


def test_a_conversion_is_rounded_up_to_the_milligram(policy: Policy) -> None:
    assert measured(line("metal", "0.000001", ("Dy",)), "reo", policy).mass_mg == 2


def test_the_factor_and_its_source_are_told(policy: Policy) -> None:
    how = measured(line("magnet", "1000", Dy="3"), "reo", policy).how
    assert "3 % Dy x 1.1477" in how
    assert "IUPAC" in how


@pytest.mark.parametrize(
    "goods,measure,needs",
    [
        (line("magnet", "1", ("Nd", "Dy")), "reo", "contents"),
        (line("metal", "1", ("Nd", "Dy")), "reo", "contents"),
        (line("magnet", "1", Fe="66"), "metal", "contents"),
        (line("magnet", "1", Dy="3"), "gross", "gross_mass"),
    ],
)
def test_what_the_measure_needs_and_is_not_declared_is_named(
    policy: Policy, goods: ShipmentLine, measure: Any, needs: str
) -> None:
    with pytest.raises(Unmeasurable, match=needs):
        measured(goods, measure, policy)


def test_every_factor_follows_from_the_atomic_weights(policy: Policy) -> None:
    """IUPAC abridged standard atomic weights 2021, and the oxide that the table itself names."""
    weights = {
        "La": "138.91",
        "Ce": "140.12",
        "Pr": "140.91",
        "Nd": "144.24",
        "Sm": "150.36",
        "Eu": "151.96",
        "Gd": "157.25",
        "Tb": "158.93",
        "Dy": "162.50",
        "Ho": "164.93",
        "Er": "167.26",
        "Tm": "168.93",
        "Yb": "173.05",
        "Lu": "174.97",
        "Sc": "44.956",
        "Y": "88.906",
        "O": "15.999",
    }
    for oxide in policy.conversions.oxides:
        metal, oxygen = oxide.oxide.removeprefix(oxide.element).split("O")
        atoms, weight = int(metal or 1), Decimal(weights[oxide.element])
        exact = (atoms * weight + int(oxygen) * Decimal(weights["O"])) / (atoms * weight)
        assert abs(exact - oxide.factor) <= Decimal("0.0001"), oxide.element


def test_a_quota_of_oxide_is_drawn_by_the_declared_share_and_held_without_one(books: Books) -> None:
    magnet: dict[str, Any] = {"hs": "850511", "form": "magnet", "elements": ["Nd", "Dy"]}
    shares = [{"element": "Nd", "percent": "29"}, {"element": "Dy", "percent": "3"}]
    books.feed(quota(kg="1000", measure="reo"))
    books.feed(declared("S1", commodity=magnet, kg="1000"))
    books.feed(declared("S2", commodity={**magnet, "contents": shares}, kg="1000"))
    assert (books.outcome("S1"), books.rules("S1")[0]) == ("held", "quota.measure")
    assert books.outcome("S2") == "permitted"
    assert books.book.accounts["quota:Q-1"].reserved == 372_687_000
