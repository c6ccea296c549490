"""The one kind of error that the stack reports to a person."""


class StackError(Exception):
    """Something a person can mend; the message is one sentence or two, and says how."""
