# The committed evidence, one figure or table at a time: `snakemake --config scale=laptop -- reference_pgan_fig2`.
# `reference` is all of them. Not part of `all`.
rule reference:
    input:
        [f"results/reference/{SCALE}/provenance/{target}.json" for target in [*FIGURES, *PAPER_TABLES, "claims"]],
        f"results/reference/{SCALE}/costs.csv",
    localrule: True


for recorded in [*FIGURES, *PAPER_TABLES]:

    rule:
        name:
            f"reference_{recorded}"
        input:
            files=evidence_files(getattr(rules, recorded), recorded),
        output:
            provenance=f"results/reference/{SCALE}/provenance/{recorded}.json",
        log:
            f"{OUT}/logs/reference_{recorded}.log",
        localrule: True
        conda:
            "../../envs/oleander.yaml"
        params:
            command=f"snakemake --config scale={SCALE} -- reference_{recorded}",
            overrides=evidence_overrides(),
            scale=SCALE,
            jobs=evidence_jobs(getattr(rules, recorded)),
            shown=FIGURES.get(recorded, {}),
            experiments={
                experiment: CONFIG["experiments"][experiment]
                for experiment in evidence_experiments(getattr(rules, recorded))
            }
            | {name: CONFIG["autoencoders"][name] for name in evidence_autoencoders(getattr(rules, recorded))}
            | {name: CONFIG["gans"][name] for name in evidence_gans(getattr(rules, recorded))},
        message:
            "Recording the evidence of scale {params.scale}: {output.provenance}"
        script:
            "../../scripts/record_reference.py"


# What each of them cost: README's minutes come from this.
rule reference_costs:
    input:
        files=asked_for(dict.fromkeys(path for name in page_names() for path in page_files(getattr(rules, name)))),
    output:
        costs=f"results/reference/{SCALE}/costs.csv",
    log:
        f"{OUT}/logs/reference_costs.log",
    localrule: True
    conda:
        "../../envs/oleander.yaml"
    params:
        jobs={name: evidence_jobs(getattr(rules, name)) for name in page_names()},
        scale=SCALE,
    message:
        "Recording what scale {params.scale} cost: {output.costs}"
    script:
        "../../scripts/record_costs.py"
