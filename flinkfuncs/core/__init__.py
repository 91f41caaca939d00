"""What is true and what to do next: no I/O, no clock, no Azure."""
