"""The guard against guessing: rules as data, and counters that take them, on Redis or on the database."""
