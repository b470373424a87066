# The tables, from CSVs alone, and the papers' numbers beside what came out.
localrules:
    tables,
    tabulate_effectiveness,
    reference,


rule tables:
    input:
        f"{OUT}/tables/pgan_fig2.csv",


rule tabulate_effectiveness:
    input:
        trials=rules.pgan_fig2.input.trials,
        published=PUBLISHED,
    output:
        csv=f"{OUT}/tables/pgan_fig2.csv",
        markdown=report(f"{OUT}/tables/pgan_fig2.md", caption="../report/pgan_fig2_table.rst", category="pGAN"),
        latex=f"{OUT}/tables/pgan_fig2.tex",
    log:
        f"{OUT}/logs/tabulate_effectiveness.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        confidence=CONFIG["confidence"],
        titles=dataset_titles(FIGURES["pgan_fig2"]["experiments"]),
        scale=SCALE,
        version=VERSIONS["tabulate"],
    message:
        "Tabulating pGAN, Figure 2"
    script:
        "../../scripts/tabulate_effectiveness.py"


# The committed evidence: `snakemake --config scale=laptop -- reference`. Not part of `all`.
rule reference:
    input:
        figures=[figure_file(figure, "png") for figure in [*FIGURES, "pgan_fig2_rates"]],
        tables=[f"{OUT}/tables/pgan_fig2.csv", f"{OUT}/tables/pgan_fig2.md"],
        trials=rules.pgan_fig2.input.trials,
        curves=rules.pgan_curves.input.curves,
        boundaries=rules.pgan_fig9.input.boundaries,
        manifests=[f"{OUT}/data/{dataset}.json" for dataset in CONFIG["datasets"]],
    output:
        provenance=f"results/reference/{SCALE}/provenance.json",
    log:
        f"{OUT}/logs/reference.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        command=f"snakemake --config scale={SCALE} -- reference",
        scale=SCALE,
        benchmarks=f"{OUT}/benchmarks",
        logs=f"{OUT}/logs",
    message:
        "Recording the evidence of scale {params.scale}"
    script:
        "../../scripts/record_reference.py"
