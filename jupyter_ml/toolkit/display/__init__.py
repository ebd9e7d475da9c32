"""How objects look in a notebook: live panel, static HTML and plain text in one mime bundle."""
