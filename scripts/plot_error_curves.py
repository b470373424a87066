"""Draw and tabulate test error and other rates against the poison fraction (pGAN paper, Figure 2)."""

from oleander.io.claims import read_claims
from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.metrics.summary import summarize
from oleander.plots.error_curves import plot_error_curves, plot_rates
from oleander.plots.style import save_figure
from oleander.plots.tables import effectiveness_latex, effectiveness_markdown, statements

RATES = ["error", "false_positive_rate", "false_negative_rate", "genuine_rejected", "poison_rejected"]

with plain_errors():
    params, output = snakemake.params, snakemake.output
    trials = read_csvs(snakemake.input.trials, TRIALS)
    common = (params.titles, params.scale, params.confidence, params.looks["alphas"])
    save_figure(plot_error_curves(trials, *common), output.png, output.pdf)
    save_figure(plot_rates(trials, *common), output.rates_png, output.rates_pdf)
    summary = summarize(trials, RATES, params.confidence)
    published = statements([claim for path in snakemake.input.claims for claim in read_claims(path)], **params.quoted)
    write_csv(output.csv, summary)
    write_text(output.md, effectiveness_markdown(summary, published, params.titles, params.scale))
    write_text(output.tex, effectiveness_latex(summary, params.titles, params.scale))
