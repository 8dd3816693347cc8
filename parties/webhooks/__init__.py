"""How webhooks are signed, sealed and sent; knows no tables."""
