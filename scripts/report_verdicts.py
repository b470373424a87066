"""Say how many of the published claims reproduced; where strict, fail if one did not."""

from oleander.evaluation.claims import COLUMNS, NOT_REPRODUCED, summary_line
from oleander.io.errors import OleanderError, plain_errors
from oleander.io.tables import read_csv

with plain_errors():
    verdicts = read_csv(snakemake.input.csv, COLUMNS)
    print(f"{snakemake.params.scale} scale: {summary_line(verdicts)}", flush=True)
    missed = list(dict.fromkeys(verdicts.loc[verdicts["claim_verdict"] == NOT_REPRODUCED, "id"]))
    if snakemake.params.strict and missed:
        raise OleanderError(
            f"{len(missed)} claims are not reproduced at {snakemake.params.scale} scale: {', '.join(missed)}; "
            f"{snakemake.input.csv} has the reasons, and strict=false lets them pass"
        )
