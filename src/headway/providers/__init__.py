"""Who serves models: the catalogue of known providers, as data, and the models each is known to serve."""
