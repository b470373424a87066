# The figures: one rule each, named as the paper numbers it, drawn from CSVs and saved samples alone.
localrules:
    pgan_fig1,
    pgan_fig2,
    pgan_fig3,
    pgan_fig9,
    pgan_fig10,
    pgan_fig11,
    pgan_curves,


rule pgan_fig1:
    input:
        samples=samples_files(
            FIGURES["pgan_fig1"]["experiment"],
            CONFIG["experiments"][FIGURES["pgan_fig1"]["experiment"]]["alphas"],
        ),
    output:
        png=report(figure_file("pgan_fig1", "png"), caption="../report/pgan_fig1.rst", category="pGAN"),
        pdf=figure_file("pgan_fig1", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig1.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        title=dataset_title(FIGURES["pgan_fig1"]["experiment"]),
        points=FIGURES["pgan_fig1"]["points"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 1"
    script:
        "../../scripts/plot_points.py"


rule pgan_fig2:
    input:
        trials=[
            f"{OUT}/pgan/{experiment}/trials/{FIGURES['pgan_fig2']['evaluation']}.csv"
            for experiment in FIGURES["pgan_fig2"]["experiments"]
        ],
    output:
        png=report(figure_file("pgan_fig2", "png"), caption="../report/pgan_fig2.rst", category="pGAN"),
        pdf=figure_file("pgan_fig2", "pdf"),
        rates_png=report(
            figure_file("pgan_fig2_rates", "png"), caption="../report/pgan_fig2_rates.rst", category="pGAN"
        ),
        rates_pdf=figure_file("pgan_fig2_rates", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig2.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        titles=dataset_titles(FIGURES["pgan_fig2"]["experiments"]),
        confidence=CONFIG["confidence"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 2"
    script:
        "../../scripts/plot_error_curves.py"


rule pgan_fig3:
    input:
        samples=[
            path
            for experiment in FIGURES["pgan_fig3"]["experiments"]
            for path in samples_files(experiment, [FIGURES["pgan_fig3"]["alpha"]])
        ],
    output:
        png=report(figure_file("pgan_fig3", "png"), caption="../report/pgan_fig3.rst", category="pGAN"),
        pdf=figure_file("pgan_fig3", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig3.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        titles=dataset_titles(FIGURES["pgan_fig3"]["experiments"]),
        alpha=FIGURES["pgan_fig3"]["alpha"],
        rows=FIGURES["pgan_fig3"]["rows"],
        columns=FIGURES["pgan_fig3"]["columns"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 3"
    script:
        "../../scripts/plot_genuine_and_poison.py"


rule pgan_fig9:
    input:
        boundaries=cohort_files(
            FIGURES["pgan_fig9"]["experiment"], f"boundaries/{FIGURES['pgan_fig9']['evaluation']}/{{cohort}}.csv"
        ),
        points=cohort_files(
            FIGURES["pgan_fig9"]["experiment"],
            f"boundaries/{FIGURES['pgan_fig9']['evaluation']}/{{cohort}}.points.csv",
        ),
    output:
        png=report(figure_file("pgan_fig9", "png"), caption="../report/pgan_fig9.rst", category="pGAN"),
        pdf=figure_file("pgan_fig9", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig9.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        task=task_settings(FIGURES["pgan_fig9"]["experiment"]),
        title=dataset_title(FIGURES["pgan_fig9"]["experiment"]),
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 9"
    script:
        "../../scripts/plot_boundaries.py"


rule pgan_fig10:
    input:
        samples=samples_files(
            FIGURES["pgan_fig10"]["experiment"],
            CONFIG["experiments"][FIGURES["pgan_fig10"]["experiment"]]["alphas"],
        ),
    output:
        png=report(figure_file("pgan_fig10", "png"), caption="../report/pgan_fig10.rst", category="pGAN"),
        pdf=figure_file("pgan_fig10", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig10.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        title=dataset_title(FIGURES["pgan_fig10"]["experiment"]),
        rows=FIGURES["pgan_fig10"]["rows"],
        columns=FIGURES["pgan_fig10"]["columns"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 10"
    script:
        "../../scripts/plot_sample_sheets.py"


rule pgan_fig11:
    input:
        samples=samples_files(
            FIGURES["pgan_fig11"]["experiment"],
            CONFIG["experiments"][FIGURES["pgan_fig11"]["experiment"]]["alphas"],
        ),
    output:
        png=report(figure_file("pgan_fig11", "png"), caption="../report/pgan_fig11.rst", category="pGAN"),
        pdf=figure_file("pgan_fig11", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig11.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        title=dataset_title(FIGURES["pgan_fig11"]["experiment"]),
        rows=FIGURES["pgan_fig11"]["rows"],
        columns=FIGURES["pgan_fig11"]["columns"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 11"
    script:
        "../../scripts/plot_sample_sheets.py"


rule pgan_curves:
    input:
        curves=[f"{OUT}/pgan/{experiment}/curves.csv" for experiment in FIGURES["pgan_curves"]["experiments"]],
    output:
        png=report(figure_file("pgan_curves", "png"), caption="../report/pgan_curves.rst", category="pGAN"),
        pdf=figure_file("pgan_curves", "pdf"),
    log:
        f"{OUT}/logs/pgan_curves.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        titles=dataset_titles(FIGURES["pgan_curves"]["experiments"]),
        stand_ins={experiment: stand_in_for(experiment) for experiment in FIGURES["pgan_curves"]["experiments"]},
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN's training curves"
    script:
        "../../scripts/plot_training_curves.py"
