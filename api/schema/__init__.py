"""OpenAPI 3.1 of the whole contract, made of what the code declares: nothing has to be said in two places."""
