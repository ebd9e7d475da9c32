"""All that a store holds as one file, and the way back from it to a workspace."""
