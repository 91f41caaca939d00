"""The only code that knows Azure Functions; it translates, and decides nothing."""
