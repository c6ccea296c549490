"""The story of 2025, replayed from its published figures through the front door and back by webhook."""
