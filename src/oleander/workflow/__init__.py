"""What the workflow trains, measures and draws, in plain Python that does not know Snakemake.

configuration  the settings, read from their layers and checked
studies        what a study trains and measures: jobs, files, settings (poisoning, autoencoders, gans)
figures        what a figure or table shows: studies, files, parameters
plan           all of these for one scale; the rules ask it for everything
verification   which results and settings stand behind a published claim
evidence       what is recorded of a figure, and what the page shows of it
"""
