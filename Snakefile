# Oleander: every figure of the papers as a graph of jobs.
#
#   snakemake                          demo scale: embedded data, minutes
#   snakemake pgan_fig2                one figure
#   snakemake verify                   the papers' claims against what came out
#   snakemake --config scale=laptop    the real data, cut down; scale=paper is the papers' own size
#   snakemake --profile slurm          on a cluster
from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/pgan.smk"
include: "workflow/rules/autoencoders.smk"
include: "workflow/rules/gans.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/reference.smk"
include: "workflow/rules/claims.smk"


# Not in a dry run.
onstart:
    check_results()


# Everything of the poisoning paper, and of the backdoor paper.
PGAN = [figure_file(figure, "png") for figure in FIGURES if figure.startswith("pgan_")] + rules.tables.input
BAAAN = [figure_file(figure, "png") for figure in FIGURES if figure.startswith("baaan_")]


localrules:
    all,
    pgan,
    baaan,
    tables,


rule all:
    default_target: True
    input:
        PGAN,
        BAAAN,
        f"{OUT}/claims.csv",
        f"{OUT}/index.html",


rule pgan:
    input:
        PGAN,


rule baaan:
    input:
        BAAAN,
