# Did it reproduce? Every published claim against the results of this scale: `snakemake verify`.
localrules:
    verify_claims,
    verify,


rule verify_claims:
    input:
        **claims_input(),
        claims=CLAIMS_FILE,
    output:
        csv=report(f"{OUT}/claims.csv", caption="../report/claims.rst", category="Claims"),
        markdown=f"{OUT}/claims.md",
    log:
        f"{OUT}/logs/verify_claims.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        scale=SCALE,
        departures=departures(),
        asked=asked_values(),
        confidence=CONFIG["confidence"],
        version=VERSIONS["verify_claims"],
    message:
        "Holding the published claims against the results"
    script:
        "../../scripts/verify_claims.py"


# Says the result each time; last of all, it fails where strict.
rule verify:
    input:
        csv=rules.verify_claims.output.csv,
        markdown=rules.verify_claims.output.markdown,
    log:
        f"{OUT}/logs/verify.log",
    conda:
        "../../envs/oleander.yaml"
    params:
        scale=SCALE,
        strict=CONFIG["strict"],
    message:
        "Counting verdicts"
    script:
        "../../scripts/report_verdicts.py"


rule reference_claims:
    input:
        files=[rules.verify_claims.output.csv, rules.verify_claims.output.markdown],
    output:
        provenance=f"results/reference/{SCALE}/provenance/claims.json",
    log:
        f"{OUT}/logs/reference_claims.log",
    localrule: True
    conda:
        "../../envs/oleander.yaml"
    params:
        command=f"snakemake --config scale={SCALE} -- reference_claims",
        overrides=evidence_overrides(),
        scale=SCALE,
        jobs=[],
        shown={},
        experiments={},
    message:
        "Recording the verdicts of scale {params.scale}: {output.provenance}"
    script:
        "../../scripts/record_reference.py"


# Everything of a scale in one file: `snakemake page`.
rule page:
    input:
        f"{OUT}/index.html",
    localrule: True


rule build_page:
    input:
        claims=rules.verify_claims.output.csv,
        files=asked_for(dict.fromkeys(path for name in page_names() for path in page_files(getattr(rules, name)))),
    output:
        page=f"{OUT}/index.html",
    log:
        f"{OUT}/logs/build_page.log",
    localrule: True
    conda:
        "../../envs/oleander.yaml"
    params:
        entries=[page_entry(name, getattr(rules, name)) for name in page_names()],
        missing=[name for name in [*FIGURES, *PAPER_TABLES] if name not in page_names()],
        scale=SCALE,
        confidence=CONFIG["confidence"],
        version=VERSIONS["build_page"],
    message:
        "Building the page: {output.page}"
    script:
        "../../scripts/build_page.py"
