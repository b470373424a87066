"""Training of cohorts: many small networks of one architecture at once, resumable, each with its own seed."""
