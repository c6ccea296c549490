"""What alerts are signed with, sealed for the database."""
