"""`%ml VERB` and `%%ml VERB`: the verbs of the command line, in a cell."""
