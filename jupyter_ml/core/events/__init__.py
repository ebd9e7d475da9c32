"""The event log: what was done, by whom and when, in a chain that shows each change."""
