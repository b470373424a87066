"""Copy a scale's figures, tables and CSVs to the committed evidence, with their provenance."""

import os
import shutil
from pathlib import Path

from oleander.io.errors import OleanderError, plain_errors
from oleander.io.files import write_json
from oleander.io.provenance import commit_of, job_seconds, machine, seeds_of, training_commits

with plain_errors():
    commit = commit_of(".")
    if "+changes" in commit:
        raise OleanderError("the checkout has changes that are not committed; commit them, then record the evidence")
    output = Path(snakemake.output.provenance)
    results = os.path.commonpath(snakemake.input)
    for source in snakemake.input:
        copy = output.parent / Path(source).relative_to(results)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    seconds = job_seconds(snakemake.params.benchmarks)
    write_json(
        output,
        {
            "command": snakemake.params.command,
            "scale": snakemake.params.scale,
            "commit": commit,
            "commits_of_the_jobs": training_commits(snakemake.params.logs),
            "machine": machine(),
            "wall_seconds_of_all_jobs": round(sum(seconds.values())),
            "wall_seconds": seconds,
            "seeds": seeds_of(list(snakemake.input.trials)),
        },
    )
