# Oleander: every figure of the papers as a graph of jobs.
#
#   snakemake headlines                the papers' main points
#   snakemake                          all figures, at demo scale: embedded data
#   snakemake pgan_fig2                one figure
#   snakemake verify                   the papers' claims against what came out
#   snakemake --config scale=laptop    the real data, cut down; scale=paper is the papers' own size
#   snakemake --profile slurm          on a cluster
#
# A figure's rule stands in workflow/papers, its settings beside it, both under its name.
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/poisoning.smk"
include: "workflow/rules/autoencoders.smk"
include: "workflow/rules/gans.smk"


# A paper is added by a file of its own.
for paper in sorted(Path(workflow.basedir, "workflow/papers").glob("*.smk")):

    include: str(paper)


include: "workflow/rules/evidence.smk"


# Not in a dry run.
onstart:
    try:
        check_results_folder(OUT)
    except OleanderError as error:
        raise WorkflowError(str(error)) from None


rule all:
    default_target: True
    input:
        [path for name in PLAN.figures for path in PLAN.made(name)],
        f"{OUT}/claims.csv",
        f"{OUT}/index.html",
    localrule: True


# The figures of the papers' main points, in minutes at demo scale: `make demo`.
rule headlines:
    input:
        [path for name in PLAN.headlines() for path in PLAN.made(name)],
    localrule: True


# What these show in a few sentences, and where the page lies.
rule summary:
    input:
        page=rules.build_page.output.page,
        rates=PLAN.tables("pgan_fig2")["csv"],
        errors=PLAN.autoencoders["mnist"].errors().files,
        scores=[path for result in PLAN.gans["mnist"].scores(["distribution"]) for path in result.files],
    log:
        f"{OUT}/logs/summary.log",
    localrule: True
    params:
        scale=SCALE,
        data=PLAN.experiments["mnist"].title,
        poisoning=["mnist", "mnist_duplication", 0.1, 0.9],
        autoencoder="inverse",
        gan="distribution",
    message:
        "Saying what came out"
    script:
        "scripts/say_headlines.py"
