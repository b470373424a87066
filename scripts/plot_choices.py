"""Draw and tabulate what each choice that the paper leaves open does to its statements."""

from oleander.evaluation.choices import effects_of_choices
from oleander.io.claims import read_claims
from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.choices import choices_latex, choices_markdown, plot_choices
from oleander.plots.lines import describe_trials
from oleander.plots.style import save_figure

with plain_errors():
    params = snakemake.params
    claims = {claim.name: claim for path in snakemake.input.claims for claim in read_claims(path)}
    shown = [claims[name] for name in params.statements]
    choices = {title: (replaced, by) for title, replaced, by in params.choices}
    trials = read_csvs(snakemake.input.trials, TRIALS)
    effects = effects_of_choices(shown, choices, trials, params.scale, params.asked, params.confidence)
    data = describe_trials(trials, params.title, params.scale)
    save_figure(
        plot_choices(effects, shown, params.statements, data, params.confidence),
        snakemake.output.png,
        snakemake.output.pdf,
    )
    write_csv(snakemake.output.csv, effects)
    write_text(snakemake.output.md, choices_markdown(effects, params.statements, data))
    write_text(snakemake.output.tex, choices_latex(effects, params.statements, data))
