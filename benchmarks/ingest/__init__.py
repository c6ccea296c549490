"""How fast events are taken in, beside the bare parts and the usual way."""
