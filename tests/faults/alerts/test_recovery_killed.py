"""A recovery whose process is killed again and again goes on where it was, in whatever process comes next."""

from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest

from lanewatch.stack import StackConfig, Topics
from services.alerts.domain import recovery
from tests.faults.alerts.test_kills import SETTINGS, subscribe
from tests.integration.alerts.past import insert_past
from tests.integration.alerts.receiver import Inbox, Receiver
from tests.support.running import Program, running, until

COUNT = 3 * recovery.AT_ONCE
