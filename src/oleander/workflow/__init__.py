"""What the workflow's rules are written against: the configuration. Imports neither Snakemake nor anything heavy."""
