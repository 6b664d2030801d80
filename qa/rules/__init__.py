"""Red-line rules: versions, the stored form, and why a rule is refused."""
