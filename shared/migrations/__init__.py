"""One Alembic environment for all services; each brings its own revisions."""
