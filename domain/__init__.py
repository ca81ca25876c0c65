"""Orders, stock and money as pure decisions: the standard library alone, no clock, no randomness, no I/O."""
