"""The facts that conditions may ask for: of a shipment as declared, its lines, their licence, quotas and lanes.

Masses are whole milligrams, days and percent are whole and rounded down, times are in UTC. What they ask of
licences, accounts and lanes is recorded with each decision (`basis.py`), so that it can be asked again.
"""

from services.licensing.domain.monitoring.facts.evidence import EvidenceFacts
from services.licensing.domain.monitoring.facts.lanes import LaneFacts
from services.licensing.domain.monitoring.facts.licences import LicenceFacts
from services.licensing.domain.monitoring.facts.lines import LineFacts, ValueFacts
from services.licensing.domain.monitoring.facts.quotas import QuotaFacts
from services.licensing.domain.monitoring.facts.shipments import ShipmentFacts
from shared.cel.kinds import Kind

__all__ = ["CLASSES", "VARIABLES", "LineFacts", "ShipmentFacts"]

CLASSES = (ShipmentFacts, LineFacts, LicenceFacts, QuotaFacts, LaneFacts, EvidenceFacts, ValueFacts)
"""All that have facts."""
VARIABLES = {each.NAME: Kind(each.NAME, facts=each) for each in (ShipmentFacts, LineFacts)}
"""What a condition begins with."""
