"""The stack without Docker: Kafka, PostgreSQL and the services as processes of this machine."""

from lanewatch.stack.config import SERVICES, StackConfig, Topics
from lanewatch.stack.errors import StackError
from lanewatch.stack.keeper import Keeper, Part, State
from lanewatch.stack.service import service_part
from lanewatch.stack.stack import Stack

__all__ = ["SERVICES", "Keeper", "Part", "Stack", "StackConfig", "StackError", "State", "Topics", "service_part"]
