"""Draw the errors of clean and backdoored autoencoders (BAAAN paper, Figure 1)."""

from oleander.io.columns import RECONSTRUCTION_ERRORS
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs
from oleander.plots.reconstruction_errors import plot_reconstruction_errors
from oleander.plots.style import save_figure

with plain_errors():
    figure = plot_reconstruction_errors(
        read_csvs(snakemake.input.errors, RECONSTRUCTION_ERRORS),
        snakemake.params.titles,
        snakemake.params.scale,
        snakemake.params.confidence,
        snakemake.params.looks["models"],
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
