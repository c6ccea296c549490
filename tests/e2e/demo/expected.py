"""What each lane must be at each month's end, worked out from the published figures and the policy alone.

A lane is judged by charts over its masses and its silence (docs/monitoring/detection.md): constrained
when it lastingly brings less than some 60 % of what it used to, flowing again when it is near that.
Three clearances open a lane that was shut or silent. While a lane is low its baseline rests.
"""

MONTHS = tuple(f"2025-{month:02d}" for month in range(1, 13))

FLOWING, CONSTRAINED, RESTRICTED = "flowing", "constrained", "restricted"


def _year(*spans: tuple[int, str]) -> dict[str, str]:
    """Return twelve months from spans of (number of months, state)."""
    states = [state for count, state in spans for _ in range(count)]
    return dict(zip(MONTHS, states, strict=True))


# Controlled magnets. Announcement No. 18 is in force from 4 April and every magnet of the group needs a
# licence: restricted from that day on. The first licence (28 April) opens the gate, but nothing clears
# before 19 May, so April ends restricted. Licensed goods clear from 19 May on (90 t by the end of May),
# and a lane that begins anew has no old baseline to fall short of; afterwards it only grows until
# August (75.8 t a day) and the lowest later month, October with 67.1 t a day, is 89 % of that.
_CONTROLLED_WORLD = _year((3, FLOWING), (1, RESTRICTED), (8, FLOWING))

# Germany is among the first destinations, open on 19 May: its share of May's 90 t is 90 x 209 / 636 = 29.6 t
# (636 t: May's figures of the seven countries open by then), a few shipments, which are enough.
_CONTROLLED_DE = _year((3, FLOWING), (1, RESTRICTED), (8, FLOWING))

# The United States: licences from 2 June, first clearances on 16 June. Restricted at the end of April and
# May; in the second half of June 16.4 % (353 / 2,147 t) of 225 + 550 t clear, some 127 t. Later the lowest
# month is September, 2,200 x 420 / 5,484 = 168 t or 5.6 t a day, against about 8.0 t a day from mid-June
# to August: 70 %, not below 60 %.
_CONTROLLED_US = _year((3, FLOWING), (2, RESTRICTED), (7, FLOWING))

# All magnets. January to March is 15,265 t, 169.6 t a day, with the Spring Festival taken out. April: 2,628 / 30 =
# 87.6 t a day, 52 %: constrained, though No. 18 leaves uncontrolled magnets free. May: 1,238 t, 24 %. June: 3,188 t,
# 106.3 t a day, 63 %: nearer the low level than the usual one. July: 5,577 t, 106 %. August to December are 173 to
# 205 t a day.
_MAGNETS_WORLD = _year((3, FLOWING), (3, CONSTRAINED), (6, FLOWING))

# Magnets to the United States: 813 + 459 + 585 = 1,857 t in the first quarter, 20.6 t a day, in so few shipments here
# that April's 246 t (8.2 a day, 40 %) are no proof yet. May 46 t (7 %) is, June 353 t (11.8, 57 %) no return.
# July 619 t (20.0, 97 %): flowing. September, 420 t (14.0 a day), is the lowest later month: 68 %.
_MAGNETS_US = _year((4, FLOWING), (2, CONSTRAINED), (6, FLOWING))

# Rare earths as metals, oxides and compounds never stop: most of their mass is not controlled. The lowest month is
# September with 4,000 t, 133 t a day, about 69 % of the spring and summer before it (June had 258 t a day).
_RARE_EARTHS_WORLD = _year((12, FLOWING))

STATES = {
    "magnets-controlled:CN:world": _CONTROLLED_WORLD,
    "magnets-controlled:CN:DE": _CONTROLLED_DE,
    "magnets-controlled:CN:US": _CONTROLLED_US,
    "magnets:CN:world": _MAGNETS_WORLD,
    "magnets:CN:US": _MAGNETS_US,
    "rare-earths:CN:world": _RARE_EARTHS_WORLD,
}
"""By lane and month: the state once the month's last day is closed."""

RESTRICTED_ON = "2025-04-04"
"""The day of the announcement: controlled magnets are restricted on it, not later."""
