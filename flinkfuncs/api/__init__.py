"""The public API: what callers are shown (`shown`), and later on which routes. Nothing here is stored."""
