# The figures: one rule each, named as the paper numbers it, drawn from CSVs and saved samples alone.
localrules:
    pgan_fig1,
    pgan_fig2,
    pgan_fig3,
    pgan_fig4,
    pgan_fig5,
    pgan_fig6,
    pgan_fig7,
    pgan_fig9,
    pgan_matrix,
    pgan_curves,
    baaan_fig1,
    baaan_fig2,
    baaan_fig4,


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
            trials_file(experiment, FIGURES["pgan_fig2"]["evaluation"])
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
        layout=layout_of(FIGURES["pgan_fig3"]),
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 3"
    script:
        "../../scripts/plot_genuine_and_poison.py"


rule pgan_fig4:
    input:
        trials=[
            trials_file(experiment, FIGURES["pgan_fig4"]["evaluation"])
            for experiment in FIGURES["pgan_fig4"]["experiments"]
        ],
        samples=[
            path
            for experiment in FIGURES["pgan_fig4"]["experiments"]
            for path in samples_files(experiment, [FIGURES["pgan_fig4"]["alpha"]])
        ],
    output:
        png=report(figure_file("pgan_fig4", "png"), caption="../report/pgan_fig4.rst", category="pGAN"),
        pdf=figure_file("pgan_fig4", "pdf"),
        samples_png=report(
            figure_file("pgan_fig4_samples", "png"), caption="../report/pgan_fig4_samples.rst", category="pGAN"
        ),
        samples_pdf=figure_file("pgan_fig4_samples", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig4.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        titles=dataset_titles(FIGURES["pgan_fig4"]["experiments"]),
        confidence=CONFIG["confidence"],
        alpha=FIGURES["pgan_fig4"]["alpha"],
        layout=layout_of(FIGURES["pgan_fig4"]),
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 4"
    script:
        "../../scripts/plot_errors_and_samples.py"


rule pgan_fig5:
    input:
        lambdas=panel_trials(FIGURES["pgan_fig5"]["lambda"]),
        rejection=panel_trials(FIGURES["pgan_fig5"]["rejection"]),
        sizes=panel_trials(FIGURES["pgan_fig5"]["sizes"]),
    output:
        png=report(figure_file("pgan_fig5", "png"), caption="../report/pgan_fig5.rst", category="pGAN"),
        pdf=figure_file("pgan_fig5", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig5.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        titles=dataset_titles([FIGURES["pgan_fig5"][panel]["experiment"] for panel in ("lambda", "rejection", "sizes")]),
        defenses=percentiles(FIGURES["pgan_fig5"]["rejection"]["evaluations"]),
        poison_fraction=FIGURES["pgan_fig5"]["rejection"]["poison_fraction"],
        confidence=CONFIG["confidence"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 5"
    script:
        "../../scripts/plot_sensitivity.py"


rule pgan_fig6:
    input:
        trials=[
            trials_file(experiment, FIGURES["pgan_fig6"]["evaluation"])
            for experiment in FIGURES["pgan_fig6"]["experiments"]
        ],
    output:
        png=report(figure_file("pgan_fig6", "png"), caption="../report/pgan_fig6.rst", category="pGAN"),
        pdf=figure_file("pgan_fig6", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig6.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        titles=dataset_titles(FIGURES["pgan_fig6"]["experiments"]),
        alpha=FIGURES["pgan_fig6"]["alpha"],
        up_to=FIGURES["pgan_fig6"]["up_to"],
        confidence=CONFIG["confidence"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 6"
    script:
        "../../scripts/plot_attack_comparison.py"


rule pgan_fig7:
    input:
        trials=trials_file(FIGURES["pgan_fig7"]["experiment"], FIGURES["pgan_fig7"]["evaluation"]),
        confusion=confusion_file(FIGURES["pgan_fig7"]["experiment"], FIGURES["pgan_fig7"]["evaluation"]),
    output:
        png=report(figure_file("pgan_fig7", "png"), caption="../report/pgan_fig7.rst", category="pGAN"),
        pdf=figure_file("pgan_fig7", "pdf"),
    log:
        f"{OUT}/logs/pgan_fig7.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        title=dataset_title(FIGURES["pgan_fig7"]["experiment"]),
        task=task_settings(task_of(FIGURES["pgan_fig7"]["experiment"], FIGURES["pgan_fig7"]["evaluation"])),
        confidence=CONFIG["confidence"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 7"
    script:
        "../../scripts/plot_multiclass.py"


# Figures 8, 13, 14 and 15: defenses against each other, as many panels as config.yaml gives them.
for defense_figure in (figure for figure, block in FIGURES.items() if "panels" in block):

    rule:
        name:
            defense_figure
        input:
            trials=list(
                dict.fromkeys(path for panel in FIGURES[defense_figure]["panels"] for path in panel_trials(panel))
            ),
        output:
            png=report(figure_file(defense_figure, "png"), caption=caption(defense_figure), category="pGAN"),
            pdf=figure_file(defense_figure, "pdf"),
        log:
            f"{OUT}/logs/{defense_figure}.log",
        localrule: True
        conda:
            "../../envs/oleander.yaml"
        params:
            panels=[
                {**panel, "defenses": [CONFIG["evaluations"][name]["defense"] for name in panel["evaluations"]]}
                for panel in FIGURES[defense_figure]["panels"]
            ],
            titles=dataset_titles([panel["experiment"] for panel in FIGURES[defense_figure]["panels"]]),
            defenses=defense_titles(),
            alpha=FIGURES[defense_figure]["alpha"],
            up_to=FIGURES[defense_figure]["up_to"],
            confidence=CONFIG["confidence"],
            scale=SCALE,
            version=VERSIONS["plot"],
        message:
            f"Drawing pGAN, Figure {defense_figure.removeprefix('pgan_fig')}"
        script:
            "../../scripts/plot_defense_comparison.py"


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
        task=task_settings(task_of(FIGURES["pgan_fig9"]["experiment"])),
        title=dataset_title(FIGURES["pgan_fig9"]["experiment"]),
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 9"
    script:
        "../../scripts/plot_boundaries.py"


# Figures 10, 11 and 12: a sheet of poison images for every alpha.
for sheet_figure in ("pgan_fig10", "pgan_fig11", "pgan_fig12"):

    rule:
        name:
            sheet_figure
        input:
            samples=samples_files(
                FIGURES[sheet_figure]["experiment"],
                CONFIG["experiments"][FIGURES[sheet_figure]["experiment"]]["alphas"],
            ),
        output:
            png=report(figure_file(sheet_figure, "png"), caption=caption(sheet_figure), category="pGAN"),
            pdf=figure_file(sheet_figure, "pdf"),
        log:
            f"{OUT}/logs/{sheet_figure}.log",
        localrule: True
        conda:
            "../../envs/oleander.yaml"
        params:
            title=dataset_title(FIGURES[sheet_figure]["experiment"]),
            layout=layout_of(FIGURES[sheet_figure]),
            scale=SCALE,
            version=VERSIONS["plot"],
        message:
            f"Drawing pGAN, Figure {sheet_figure.removeprefix('pgan_fig')}"
        script:
            "../../scripts/plot_sample_sheets.py"


rule pgan_matrix:
    input:
        trials=[
            trials_file(experiment, evaluation)
            for experiments in FIGURES["pgan_matrix"]["experiments"]
            for experiment in experiments
            for evaluation in matrix_evaluations()
        ],
    output:
        png=report(figure_file("pgan_matrix", "png"), caption="../report/pgan_matrix.rst", category="pGAN"),
        pdf=figure_file("pgan_matrix", "pdf"),
        csv=f"{OUT}/tables/pgan_matrix.csv",
    log:
        f"{OUT}/logs/pgan_matrix.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        experiments=FIGURES["pgan_matrix"]["experiments"],
        titles={
            dataset_of(experiment): dataset_title(experiment)
            for experiments in FIGURES["pgan_matrix"]["experiments"]
            for experiment in experiments
        },
        defenses=matrix_defenses(),
        alpha=FIGURES["pgan_matrix"]["alpha"],
        poison_fraction=FIGURES["pgan_matrix"]["poison_fraction"],
        confidence=CONFIG["confidence"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing the matrix of attacks and defenses"
    script:
        "../../scripts/plot_matrix.py"


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


rule baaan_fig1:
    input:
        errors=errors_files("baaan_fig1"),
    output:
        png=report(figure_file("baaan_fig1", "png"), caption="../report/baaan_fig1.rst", category="BAAAN"),
        pdf=figure_file("baaan_fig1", "pdf"),
    log:
        f"{OUT}/logs/baaan_fig1.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        titles=autoencoder_titles(FIGURES["baaan_fig1"]["autoencoders"]),
        confidence=CONFIG["confidence"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing BAAAN, Figure 1"
    script:
        "../../scripts/plot_reconstruction_errors.py"


rule baaan_fig2:
    input:
        samples=[
            f"{OUT}/baaan/autoencoders/{name}/samples.safetensors" for name in FIGURES["baaan_fig2"]["autoencoders"]
        ],
    output:
        png=report(figure_file("baaan_fig2", "png"), caption="../report/baaan_fig2.rst", category="BAAAN"),
        pdf=figure_file("baaan_fig2", "pdf"),
    log:
        f"{OUT}/logs/baaan_fig2.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        titles=autoencoder_titles(FIGURES["baaan_fig2"]["autoencoders"]),
        columns=FIGURES["baaan_fig2"]["columns"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing BAAAN, Figure 2"
    script:
        "../../scripts/plot_reconstructions.py"


rule baaan_fig4:
    input:
        scores=[path for gan in FIGURES["baaan_fig4"]["gans"] for path in gan_files(gan, "scores/{job}.csv")],
    output:
        png=report(figure_file("baaan_fig4", "png"), caption="../report/baaan_fig4.rst", category="BAAAN"),
        pdf=figure_file("baaan_fig4", "pdf"),
    log:
        f"{OUT}/logs/baaan_fig4.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        titles=gan_titles(FIGURES["baaan_fig4"]["gans"]),
        confidence=CONFIG["confidence"],
        scale=SCALE,
        version=VERSIONS["plot"],
    message:
        "Drawing BAAAN, Figure 4"
    script:
        "../../scripts/plot_gan_scores.py"


# Figures 5 to 9: images of clean and of triggered noise. Figure 9 is of one target alone, another dataset.
for gan_figure in (figure for figure, block in FIGURES.items() if "gan" in block):

    rule:
        name:
            gan_figure
        input:
            samples=shown_gan(gan_figure),
        output:
            png=report(figure_file(gan_figure, "png"), caption=caption(gan_figure), category="BAAAN"),
            pdf=figure_file(gan_figure, "pdf"),
        log:
            f"{OUT}/logs/{gan_figure}.log",
        localrule: True
        conda:
            "../../envs/oleander.yaml"
        params:
            title=gan_titles([FIGURES[gan_figure]["gan"]])[FIGURES[gan_figure]["gan"]],
            layout=layout_of(FIGURES[gan_figure]),
            scale=SCALE,
            version=VERSIONS["plot"],
        message:
            f"Drawing BAAAN, Figure {gan_figure.removeprefix('baaan_fig')}"
        script:
            "../../scripts/plot_gan_samples.py"
