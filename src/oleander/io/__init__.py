"""Files on disk: one-sentence errors, atomic writes, and artifacts that contain their settings."""
