"""The tables of a session cluster, row by row."""
