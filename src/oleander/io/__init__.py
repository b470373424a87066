"""Files on disk: errors in one sentence, atomic writes, artifacts with their settings inside."""
