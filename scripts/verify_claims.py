"""Check the published claims of both papers against the results, and give each a verdict."""

import pandas as pd

from oleander.evaluation.claims import note_readings, verify_claims
from oleander.io.claims import TABLES, read_claims
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.claims import claims_markdown

with plain_errors():
    params = snakemake.params
    files = {table: list(snakemake.input[table]) for table in TABLES}
    tables = {table: read_csvs(paths) if paths else pd.DataFrame() for table, paths in files.items()}
    claims = [claim for path in snakemake.input.claims for claim in read_claims(path)]
    verdicts = verify_claims(claims, tables, params.scale, params.departures, params.asked, params.confidence)
    verdicts = note_readings(verdicts, params.readings)
    write_csv(snakemake.output.csv, verdicts)
    write_text(snakemake.output.markdown, claims_markdown(verdicts, params.scale, params.confidence))
