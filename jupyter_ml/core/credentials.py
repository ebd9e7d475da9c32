"""What keys and passwords look like, wherever a text could carry one into a record."""

from __future__ import annotations

import re

CREDENTIAL = re.compile(
    r"""\b(AKIA|ASIA)[A-Z0-9]{16}\b                 # AWS access keys
    | \b(gh[pousr]|github_pat)_\w{20,}              # GitHub
    | \bglpat-[\w-]{18,}                            # GitLab
    | \bxox[abprs]-[\w-]{10,}                       # Slack
    | \bsk-[\w-]{20,}                               # OpenAI and alike
    | \bhf_[A-Za-z0-9]{20,}                         # Hugging Face
    | \bAIza[\w-]{30,}                              # Google
    | \beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}        # JSON web tokens
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
    | \w://[^/\s:@]+:[^/\s:@]+@                     # passwords in addresses
    """,
    re.VERBOSE,
)
