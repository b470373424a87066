"""Draw the distances between GAN images and test images, and tabulate all their measures (BAAAN paper, Figure 4)."""

from oleander.io.columns import GAN_SCORES
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.gan_scores import plot_gan_scores
from oleander.plots.gan_table import gan_latex, gan_markdown, gan_table
from oleander.plots.style import save_figure

with plain_errors():
    params, output = snakemake.params, snakemake.output
    scores = read_csvs(snakemake.input.scores, GAN_SCORES)
    common = (scores, params.titles, params.scale, params.confidence)
    save_figure(plot_gan_scores(*common, params.looks["models"]), output.png, output.pdf)
    write_csv(output.csv, gan_table(scores, params.confidence))
    write_text(output.md, gan_markdown(*common))
    write_text(output.tex, gan_latex(*common))
