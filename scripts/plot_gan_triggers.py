"""Draw and tabulate backdoored GANs by the value of their trigger, and how well each hides (not in the BAAAN paper)."""

import pandas as pd

from oleander.evaluation.backdoored_gans import compare_with_clean, detect
from oleander.io.columns import GAN_SCORES
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.backdoored_gans import data_of
from oleander.plots.gan_triggers import gan_triggers_latex, gan_triggers_markdown, plot_gan_triggers
from oleander.plots.style import save_figure

with plain_errors():
    params, output = snakemake.params, snakemake.output
    scores = read_csvs(snakemake.input.scores, GAN_SCORES)
    models = [(value, model) for value, model in params.models]
    ((gan, title),) = params.titles.items()
    compared = compare_with_clean(scores, {gan: [model for _value, model in models]}, params.confidence)
    found = pd.concat([compared, detect(gan, models, params.latent, params.caught)], ignore_index=True)
    data = data_of(scores, gan, title, params.scale)
    told = (data, models, params.caught, params.confidence)
    save_figure(plot_gan_triggers(found, scores, *told), output.png, output.pdf)
    values = {model: value for value, model in models}
    write_csv(output.csv, found.assign(trigger_value=found["model"].map(values)))
    write_text(output.md, gan_triggers_markdown(found, *told))
    write_text(output.tex, gan_triggers_latex(found, *told))
