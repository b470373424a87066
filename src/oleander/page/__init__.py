"""The page: every figure of a scale next to its paper's claims, in one self-contained file."""
