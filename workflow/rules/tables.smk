# The tables, from CSVs alone, and the papers' numbers beside what came out.
localrules:
    tables,
    tabulate_effectiveness,


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
