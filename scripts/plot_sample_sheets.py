"""Draw poison images at every alpha (pGAN paper, Figures 10, 11 and 12)."""

from oleander.io.errors import plain_errors
from oleander.io.pictures import load_samples
from oleander.plots.samples import SamplePanel, plot_sample_sheets
from oleander.plots.style import save_figure

with plain_errors():
    (samples,) = load_samples(snakemake.input.samples).values()
    figure = plot_sample_sheets(
        panel_by_alpha={
            alpha: SamplePanel.of(samples, snakemake.params.title, alpha) for alpha in samples.first_generator()
        },
        rows=snakemake.params.layout["rows"],
        columns=snakemake.params.layout["columns"],
        scale=snakemake.params.scale,
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
