"""The HTTP edge: authenticates, parses, makes one call, answers."""
