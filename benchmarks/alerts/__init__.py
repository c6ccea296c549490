"""How fast alerts are matched and delivered, beside a plain client, and what bad endpoints do to the others."""
