"""How staff get into the admin: a password, then a second factor; and the pages where they keep theirs."""
