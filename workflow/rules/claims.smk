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
