"""What a partner system may do in a second and in a day: rules as data, and counters that take it."""
