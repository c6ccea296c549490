"""The HTTP surface: `POST /v1/events`."""
