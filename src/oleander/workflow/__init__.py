"""What the workflow trains, measures and draws, in plain Python that does not import Snakemake.

configuration  reads the layers of settings, merges and checks them
settings       a model for each block of the configuration (blocks: their base; declared: settings of single methods)
studies        what a study trains and measures: its jobs, files and settings (poisoning, autoencoders, gans)
figures        what each figure and table shows: its studies, inputs and parameters
plan           all of this at one scale; rules get everything from here
verification   the results and settings behind each published claim
evidence       what is recorded for a figure and shown on the page
"""
