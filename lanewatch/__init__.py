"""The lanewatch command and the local stack runner."""
