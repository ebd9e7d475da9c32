"""Named Python values and definitions, carried from one interpreter to another."""
