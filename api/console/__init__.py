"""The operators' console: Django's admin in the theme `unfold`, which reads everything and acts as the API does."""
