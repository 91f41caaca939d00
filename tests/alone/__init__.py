"""Is each test file green in a process of its own, where no other has prepared anything? `make alone` runs them all."""
