# The committed evidence, one figure or table at a time: `snakemake --config scale=laptop -- reference_pgan_fig2`.
# `reference` is all of them. Not part of `all`.
rule reference:
    input:
        [f"results/reference/{SCALE}/provenance/{target}.json" for target in [*FIGURES, *PAPER_TABLES]],
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
