# The pGAN paper's own tables, of what is built here; as its figures in pgan.smk.


# Networks as they are built.
for figure in ("pgan_table1", "pgan_table3", "pgan_table4", "pgan_table5", "pgan_table6"):

    rule:
        name:
            figure
        input:
            **PLAN.inputs(figure),
        output:
            **drawn(figure),
        log:
            f"{OUT}/logs/{figure}.log",
        localrule: True
        params:
            **PLAN.params(figure),
            version=VERSIONS["plot"],
        message:
            f"Drawing {PLAN.figure_title(figure)}"
        script:
            "../../scripts/tabulate_networks.py"


# Sizes of the prepared data.
rule pgan_table2:
    input:
        **PLAN.inputs("pgan_table2"),
    output:
        **drawn("pgan_table2"),
    log:
        f"{OUT}/logs/pgan_table2.log",
    localrule: True
    params:
        **PLAN.params("pgan_table2"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Table 2"
    script:
        "../../scripts/tabulate_datasets.py"
