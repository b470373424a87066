"""Copy a figure or table and its CSVs to the committed evidence, with their provenance."""

import shutil
from pathlib import Path

from oleander.io.errors import OleanderError, plain_errors
from oleander.io.files import write_json
from oleander.io.provenance import (
    commit_of,
    job_seconds,
    machine,
    model_seeds,
    precisions_of,
    seeds_of,
    training_commits,
)

with plain_errors():
    commit = commit_of(".")
    if "+changes" in commit:
        raise OleanderError("the checkout has changes that are not committed; commit them, then record the evidence")
    output, results = Path(snakemake.output.provenance), Path("results", snakemake.params.scale)
    for source in map(Path, snakemake.input.files):
        copy = output.parents[1] / source.relative_to(results)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    jobs = snakemake.params.jobs
    wall, cpu = (job_seconds(results / "benchmarks", jobs, clock) for clock in ("wall", "cpu"))
    write_json(
        output,
        {
            "command": snakemake.params.command,
            "overrides": snakemake.params.overrides,
            "scale": snakemake.params.scale,
            "shown": snakemake.params.shown,
            "experiments": snakemake.params.experiments,
            "commit": commit,
            "commits_of_the_jobs": training_commits(results / "logs", jobs),
            "machine": machine(),
            "precisions": precisions_of([path for path in snakemake.input.files if path.endswith(".csv")]),
            "wall_seconds_of_all_jobs": round(sum(wall.values())),
            "cpu_seconds_of_all_jobs": round(sum(cpu.values())),
            "wall_seconds": wall,
            "cpu_seconds": cpu,
            "seeds": {
                **seeds_of([path for path in snakemake.input.files if "/trials/" in path]),
                **model_seeds(
                    [path for path in snakemake.input.files if path.endswith("/errors.csv")], ("autoencoder", "model")
                ),
                **model_seeds([path for path in snakemake.input.files if "/scores/" in path], ("gan", "target")),
            },
            "files": [str(Path(path).relative_to(results)) for path in snakemake.input.files],
        },
    )
