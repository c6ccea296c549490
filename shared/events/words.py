"""The words that several events use: identifiers, goods, money, severities."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta

from shared.errors import UnfitError

# Descriptions are read by people twice: in the published schema, and after "not" where a value is refused.
# Python's `$` also matches before a last line feed; the lookahead does not let that pass.
NO_CONTROLS = r"^[^\x00-\x1f\x7f]+$(?!\n)"
Id = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=NO_CONTROLS,
        description="an identifier of 1 to 128 characters, none of them a control character",
    ),
]
"""Given by a party or an authority."""
Text = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^[^\x00]*$",
        description="a text of at most 2,000 characters, without NUL",
    ),
]
EventId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=NO_CONTROLS,
        description="a text of 1 to 256 characters, none of them a control character",
    ),
]
EventSource = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=r"^[^\x00-\x20\x7f]+$(?!\n)",
        description="a URI reference of 1 to 256 characters without blanks",
    ),
]
"""It holds no blank, so source and id joined by one name one event and no other."""
Country = Annotated[
    str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="an ISO 3166-1 alpha-2 country code in capital letters")
]
_CURRENCIES = (
    "AED|AFN|ALL|AMD|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BHD|BIF|BMD|BND|BOB|BRL|BSD|BTN|BWP|BYN|BZD|CAD|CDF|CHF|CLP|"
    "CNY|COP|CRC|CUP|CVE|CZK|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ|GYD|HKD|HNL|HTG|"
    "HUF|IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MAD|MDL|"
    "MGA|MKD|MMK|MNT|MOP|MRU|MUR|MVR|MWK|MXN|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR|PLN|PYG|QAR|"
    "RON|RSD|RUB|RWF|SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SOS|SRD|SSP|STN|SVC|SYP|SZL|THB|TJS|TMT|TND|TOP|TRY|TTD|TWD|"
    "TZS|UAH|UGX|USD|UYU|UZS|VED|VES|VND|VUV|WST|XAF|XCD|XCG|XOF|XPF|YER|ZAR|ZMW|ZWG"
)
HsCode = Annotated[
    str,
    Meta(pattern=r"^[0-9]{2,12}$(?!\n)", description="a Harmonized System code of 2 to 12 digits, without dots"),
]
"""Or its national subdivision; a prefix where goods are selected."""
_SYMBOLS = (
    "H|He|Li|Be|B|C|N|O|F|Ne|Na|Mg|Al|Si|P|S|Cl|Ar|K|Ca|Sc|Ti|V|Cr|Mn|Fe|Co|Ni|Cu|Zn|Ga|Ge|As|Se|Br|"
    "Kr|Rb|Sr|Y|Zr|Nb|Mo|Tc|Ru|Rh|Pd|Ag|Cd|In|Sn|Sb|Te|I|Xe|Cs|Ba|La|Ce|Pr|Nd|Pm|Sm|Eu|Gd|Tb|Dy|Ho|"
    "Er|Tm|Yb|Lu|Hf|Ta|W|Re|Os|Ir|Pt|Au|Hg|Tl|Pb|Bi|Po|At|Rn|Fr|Ra|Ac|Th|Pa|U|Np|Pu|Am|Cm|Bk|Cf|Es|"
    "Fm|Md|No|Lr|Rf|Db|Sg|Bh|Hs|Mt|Ds|Rg|Cn|Nh|Fl|Mc|Lv|Ts|Og"
)
if TYPE_CHECKING:
    Currency: TypeAlias = str
    Element: TypeAlias = str
else:
    # Looked up at once, where a pattern would try one after the other: twenty times faster.
    Currency = Annotated[Literal[tuple(_CURRENCIES.split("|"))], Meta(description="an ISO 4217 currency code")]
    Element = Annotated[Literal[tuple(_SYMBOLS.split("|"))], Meta(description="a chemical symbol, e.g. Dy")]
"""Currency: of the list in force in 2025; one that is money (funds codes, metals and test codes are not).
Element: one that there is."""
Moment = Annotated[
    datetime, Meta(tz=True, description="a point in time with its UTC offset (RFC 3339), e.g. 2025-05-20T11:00:00Z")
]
Form = Literal["ore", "oxide", "metal", "alloy", "compound", "target", "magnet", "other"]
Severity = Literal["info", "notice", "warning", "critical"]
FlowState = Literal["flowing", "constrained", "restricted", "dormant"]
Outcome = Literal["permitted", "held", "denied"]
Measure = Literal["net", "gross", "reo", "metal"]
"""What of the goods is counted: their net mass, gross mass, contained rare-earth oxide or contained metal."""
LicenceKind = Literal["individual", "general", "single_use", "certificate"]
"""`certificate` only registers an export (tests, repairs) and grants no quantity."""
WholePercent = Annotated[int, Meta(ge=0, le=100)]

MAX_CONTENT_DIGITS = 12
LATEST_YEAR = 9000
"""Of what happens, so that what follows so many days later has a date too; what is valid may be so until 9999."""
WHOLE_PERCENT = 100
WORLD = "world"
"""The destination of the lane that sums a commodity group's lanes over all destinations."""
EVERYWHERE = "*"
"""In the scope of an alert: it concerns every destination."""


class In(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of what comes in."""

    TYPE: ClassVar[str]
    ENTITY: ClassVar[str]
    """Which field names the thing whose life the event belongs to; it keys the Kafka record."""


class Selector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which goods are meant: those that satisfy every given list; an absent list does not restrict."""

    hs: tuple[HsCode, ...] = ()
    elements: tuple[Element, ...] = ()
    forms: tuple[Form, ...] = ()
    control_codes: tuple[Id, ...] = ()


class Destinations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where to: all countries, or those included, less those excluded."""

    include: tuple[Country, ...] = ()
    exclude: tuple[Country, ...] = ()


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The declared share of an element in the goods, in percent of their net mass."""

    element: Element
    percent: Decimal

    def __post_init__(self) -> None:
        """Raise UnfitError for what is no share of a mass."""
        if not self.percent.is_finite() or not 0 < self.percent <= WHOLE_PERCENT:
            raise UnfitError("must be more than 0 and at most 100", "percent")
        _, digits, exponent = self.percent.as_tuple()
        if len(digits) > MAX_CONTENT_DIGITS or (isinstance(exponent, int) and exponent < -MAX_CONTENT_DIGITS):
            raise UnfitError(f"must not have more than {MAX_CONTENT_DIGITS} digits", "percent")


class Commodity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goods are: HS code, the rare-earth elements they contain, form, control code, declared contents."""

    hs: HsCode
    elements: tuple[Element, ...] = ()
    form: Form = "other"
    control_code: Id | None = None
    contents: Annotated[tuple[Content, ...], Meta(max_length=20)] = ()

    def __post_init__(self) -> None:
        """Raise UnfitError when an element is declared twice or the contents are more than the whole."""
        if not self.contents:
            return
        refuse_twins("contents", self.contents, "element")
        if sum(content.percent for content in self.contents) > WHOLE_PERCENT:
            raise UnfitError("contents are more than 100 percent together", "contents")


Amount = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,14}(\.[0-9]{1,4})?$(?!\n)",
        description="a decimal in quotes, zero or more, with at most 14 digits before the point and 4 after it",
    ),
]


class Money(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An amount of money as a decimal with its currency."""

    amount: Amount
    currency: Currency

    @property
    def units(self) -> int:
        """The amount in ten-thousandths of the currency, exactly."""
        return int(Decimal(self.amount) * 10_000)


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """By how much more than what is left a licence may be used: a share of the line, or of its open balance."""

    of: Literal["none", "line", "balance"] = "none"
    percent: WholePercent = 0


def refuse_twins(field: str, things: Sequence[Any], name: str) -> None:
    """Raise UnfitError at the first thing of a field's list that is named like one before it."""
    if len(things) < 2:  # noqa: PLR2004 - a twin needs another
        return
    names = [getattr(thing, name) for thing in things]
    if len(set(names)) < len(names):
        twin = next(index for index, each in enumerate(names) if each in names[:index])
        raise UnfitError(f"stands twice in {field}", field, twin, name)
