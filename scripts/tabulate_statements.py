"""Write every statement of the papers beside what the committed evidence says of it."""

import yaml

from oleander.evaluation.claims import read_verdicts
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.plots.statements import statements_markdown

with plain_errors():
    with open(snakemake.input.why, encoding="utf-8") as stream:
        why = yaml.safe_load(stream)
    recorded = dict(zip(snakemake.params.titles, map(read_verdicts, snakemake.input.claims), strict=True))
    write_text(snakemake.output.markdown, statements_markdown(recorded, why))
