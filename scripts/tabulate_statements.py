"""Hold every statement of the papers against the committed evidence of each scale, and write what came out and why."""

import pandas as pd
import yaml

from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import write_csv
from oleander.plots.statements import statements_markdown
from oleander.workflow.committed import committed_verdicts

with plain_errors():
    with open(snakemake.input.why, encoding="utf-8") as stream:
        why = yaml.safe_load(stream)
    verdicts = committed_verdicts()
    write_csv(snakemake.output.csv, pd.concat(verdicts.values(), ignore_index=True))
    write_text(snakemake.output.markdown, statements_markdown(verdicts, why))
