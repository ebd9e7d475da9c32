"""The store: one database that holds the truth, in a SQLite file or on a PostgreSQL server.

`store` has the rules for touching it, `tables` what it holds, `migrations` how that came to be,
`failures` what can be wrong with it.
"""
