"""The page: every figure of a scale beside what its paper says, in one file that needs nothing else."""
