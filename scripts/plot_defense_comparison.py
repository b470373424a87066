"""Draw test error against the poison fraction under several defenses (pGAN paper, Figures 8, 13, 14 and 15)."""

from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs
from oleander.plots.defense_comparison import plot_defense_comparison
from oleander.plots.style import save_figure

with plain_errors():
    params = snakemake.params
    trials = read_csvs(snakemake.input.trials, TRIALS)
    trials = trials[(trials["alpha"] == params.alpha) & (trials["poison_fraction"] <= params.up_to)]
    panels = []
    for panel in params.panels:
        own = trials[(trials["experiment"] == panel["experiment"]) & trials["evaluation"].isin(panel["evaluations"])]
        # A defense without trials, because a generator diverged, keeps an empty line.
        by_defense = {name: own[own["defense"] == name] for name in panel["defenses"]}
        panels.append((params.titles[panel["experiment"]], by_defense))
    title = f"pGAN at α = {params.alpha:g} against defenses"
    save_figure(
        plot_defense_comparison(title, panels, params.scale, params.confidence, params.looks["defenses"]),
        snakemake.output.png,
        snakemake.output.pdf,
    )
