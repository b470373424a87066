"""Print how many published claims reproduced; with strict=true, fail if one did not."""

from oleander.evaluation.claims import NOT_REPRODUCED, read_verdicts, summary_lines
from oleander.io.errors import OleanderError, plain_errors

with plain_errors():
    verdicts = read_verdicts(snakemake.input.csv)
    for line in summary_lines(verdicts):
        print(f"{snakemake.params.scale} scale, {line}", flush=True)
    missed = list(dict.fromkeys(verdicts.loc[verdicts["claim_verdict"] == NOT_REPRODUCED, "id"]))
    if snakemake.params.strict and missed:
        raise OleanderError(
            f"{len(missed)} claims are not reproduced at {snakemake.params.scale} scale: {', '.join(missed)}; "
            f"see {snakemake.input.csv} for the reasons, or set strict=false"
        )
