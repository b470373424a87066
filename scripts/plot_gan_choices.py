"""Draw and tabulate backdoored GANs trained with each combination of what the BAAAN paper leaves open."""

from oleander.evaluation.backdoored_gans import compare_with_clean
from oleander.io.columns import GAN_SCORES
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.backdoored_gans import data_of
from oleander.plots.gan_choices import gan_choices_latex, gan_choices_markdown, plot_gan_choices
from oleander.plots.style import save_figure

with plain_errors():
    params, output = snakemake.params, snakemake.output
    scores = read_csvs(snakemake.input.scores, GAN_SCORES)
    models = {gan: [tuple(choice) for choice in choices] for gan, choices in params.models.items()}
    asked = {gan: [model for *_values, model in choices] for gan, choices in models.items()}
    comparison = compare_with_clean(scores, asked, params.confidence)
    titles = {gan: data_of(scores, gan, title, params.scale) for gan, title in params.titles.items()}
    told = (titles, models, params.default, params.confidence)
    save_figure(plot_gan_choices(comparison, scores, *told), output.png, output.pdf)
    write_csv(output.csv, comparison)
    write_text(output.md, gan_choices_markdown(comparison, *told))
    write_text(output.tex, gan_choices_latex(comparison, *told))
