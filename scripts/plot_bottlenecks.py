"""Draw and tabulate what the size of autoencoders' codes does to their errors (beyond the BAAAN paper)."""

from oleander.evaluation.bottlenecks import measure_bottlenecks
from oleander.io.claims import read_claims
from oleander.io.columns import LINEAR_CODES, RECONSTRUCTION_ERRORS
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.bottlenecks import CodeSizes, bottlenecks_latex, bottlenecks_markdown, plot_bottlenecks
from oleander.plots.style import save_figure

with plain_errors():
    params = snakemake.params
    claims = {claim.name: claim for path in snakemake.input.claims for claim in read_claims(path)}
    measured = measure_bottlenecks(
        read_csvs(snakemake.input.errors, RECONSTRUCTION_ERRORS),
        read_csvs(snakemake.input.linear, LINEAR_CODES),
        {name: count for panel in params.panels for name, count in panel["channels"].items()},
        params.target,
        params.confidence,
    )
    panels = [
        CodeSizes(
            panel["title"],
            list(panel["channels"]),
            {measure: claims[name] for measure, name in panel["statements"].items()},
        )
        for panel in params.panels
    ]
    save_figure(
        plot_bottlenecks(measured, panels, params.scale, params.confidence), snakemake.output.png, snakemake.output.pdf
    )
    write_csv(snakemake.output.csv, measured)
    write_text(snakemake.output.md, bottlenecks_markdown(measured, panels, params.scale, params.confidence))
    write_text(snakemake.output.tex, bottlenecks_latex(measured, panels, params.scale, params.confidence))
