"""Draw genuine images of both classes next to poison at one alpha (pGAN paper, Figure 3)."""

from oleander.io.errors import plain_errors
from oleander.io.pictures import load_samples
from oleander.plots.samples import SamplePanel, plot_genuine_and_poison
from oleander.plots.style import save_figure

with plain_errors():
    loaded = load_samples(snakemake.input.samples)
    figure = plot_genuine_and_poison(
        panels=[
            SamplePanel.of(loaded[experiment], title, snakemake.params.alpha)
            for experiment, title in snakemake.params.titles.items()
        ],
        rows=snakemake.params.layout["rows"],
        columns=snakemake.params.layout["columns"],
        scale=snakemake.params.scale,
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
