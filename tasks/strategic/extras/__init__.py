"""Parts of the published benchmark that no configuration of it reaches, as families."""
