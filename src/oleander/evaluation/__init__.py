"""Evaluation of attacks, defenses, backdoors and published claims, from saved artifacts."""
