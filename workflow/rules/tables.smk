# The tables: of measurements, from CSVs alone, with the papers' numbers beside what came out; and the paper's own, of
# what runs.
localrules:
    tables,
    tabulate_effectiveness,
    pgan_table2,


# The paper's tables of networks -> the attacks or victims of config.yaml that they hold.
NETWORK_TABLES = {
    "pgan_table1": ["pgan_synthetic"],
    "pgan_table3": ["pgan_images"],
    "pgan_table4": ["pgan_cifar"],
    "pgan_table5": ["binary_mlp", "binary_cnn"],
    "pgan_table6": ["ten_class_mlp"],
}
PAPER_TABLES = sorted([*NETWORK_TABLES, "pgan_table2"])


rule tables:
    input:
        [table_file(table, "csv") for table in ["pgan_fig2", *PAPER_TABLES]],


rule tabulate_effectiveness:
    input:
        trials=rules.pgan_fig2.input.trials,
        published=PUBLISHED,
    output:
        csv=table_file("pgan_fig2", "csv"),
        markdown=report(table_file("pgan_fig2", "md"), caption="../report/pgan_fig2_table.rst", category="pGAN"),
        latex=table_file("pgan_fig2", "tex"),
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


for network_table in NETWORK_TABLES:

    rule:
        name:
            network_table
        input:
            datasets=dataset_files(network_tasks(NETWORK_TABLES[network_table])),
        output:
            csv=table_file(network_table, "csv"),
            markdown=report(table_file(network_table, "md"), caption=caption(network_table), category="pGAN"),
            latex=table_file(network_table, "tex"),
        log:
            f"{OUT}/logs/{network_table}.log",
        localrule: True
        conda:
            "../../envs/oleander.yaml"
        params:
            table=int(network_table.removeprefix("pgan_table")),
            blocks=network_blocks(NETWORK_TABLES[network_table]),
            tasks=tasks_to_describe(network_tasks(NETWORK_TABLES[network_table])),
            scale=SCALE,
            version=VERSIONS["tabulate"],
        message:
            f"Tabulating pGAN, Table {network_table.removeprefix('pgan_table')}"
        script:
            "../../scripts/tabulate_networks.py"


rule pgan_table2:
    input:
        datasets=dataset_files(CONFIG["tasks"]),
        published=PUBLISHED,
    output:
        csv=table_file("pgan_table2", "csv"),
        markdown=report(table_file("pgan_table2", "md"), caption="../report/pgan_table2.rst", category="pGAN"),
        latex=table_file("pgan_table2", "tex"),
    log:
        f"{OUT}/logs/pgan_table2.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        table=2,
        tasks=tasks_to_describe(CONFIG["tasks"]),
        scale=SCALE,
        version=VERSIONS["tabulate"],
    message:
        "Tabulating pGAN, Table 2"
    script:
        "../../scripts/tabulate_datasets.py"
