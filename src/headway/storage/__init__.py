"""What is kept: the request log and its roll-ups, in SQLite or PostgreSQL."""
