"""Oleander: reference reproduction of poisoning and backdoor attacks with generative models.

Rooms, importing only downwards: plots; evaluation; attacks, defenses; training, metrics; models, data; io.
The package never imports snakemake and is usable by itself.
"""

__version__ = "0.1.0"
