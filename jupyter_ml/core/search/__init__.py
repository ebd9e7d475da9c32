"""Search: resources of one kind by what their records hold."""
