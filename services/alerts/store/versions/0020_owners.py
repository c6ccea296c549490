"""Tests and what was escalated belong to the tenant whose subscription they went to, as notices and digests do.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        UPDATE alerts.alert a SET tenant = s.tenant
        FROM alerts.delivery d JOIN alerts.subscription s USING (subscription_id)
        WHERE d.alert_no = a.alert_no AND a.tenant IS NULL AND (a.kind = 'lanewatch.test.ping'
            OR a.source IN ('/lanewatch/alerts/test', '/lanewatch/alerts/escalation'))""")


def downgrade() -> None:
    op.execute("""
        UPDATE alerts.alert SET tenant = NULL WHERE kind = 'lanewatch.test.ping'
            OR source IN ('/lanewatch/alerts/test', '/lanewatch/alerts/escalation')""")
