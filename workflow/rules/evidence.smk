# Verdicts, the page, and the committed evidence: all read finished results. Params are functions, since Snakemake parses
# this file for every job, and only these rules need them.


# Did it reproduce? Every published claim against the results of this scale.
rule verify_claims:
    input:
        **verification.claims_input(CLAIMS, PLAN),
        claims=PLAN.claims_files(),
        checks=verification.checks(CLAIMS, PLAN),
    output:
        csv=report(f"{OUT}/claims.csv", category="Claims", labels={"shows": "every claim with its verdict"}),
        markdown=f"{OUT}/claims.md",
    log:
        f"{OUT}/logs/verify_claims.log",
    localrule: True
    params:
        scale=SCALE,
        departures=lambda _wildcards: verification.departures(CLAIMS, PLAN),
        asked=lambda _wildcards: verification.asked_values(CLAIMS, PLAN),
        readings=lambda _wildcards: PLAN.readings(),
        confidence=CONFIG.confidence,
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
    localrule: True
    params:
        scale=SCALE,
        strict=CONFIG.strict,
    message:
        "Counting verdicts"
    script:
        "../../scripts/report_verdicts.py"


# Everything of a scale in one file: `snakemake page`.
rule page:
    input:
        f"{OUT}/index.html",
    localrule: True


PAGE = evidence.shown_on_page(PLAN)
PAGE_FILES = verification.asked_for(
    evidence.once(path for name in PAGE for path in evidence.page_files(name, PLAN)), PLAN
)


rule build_page:
    input:
        claims=rules.verify_claims.output.csv,
        files=PAGE_FILES,
    output:
        page=f"{OUT}/index.html",
    log:
        f"{OUT}/logs/build_page.log",
    localrule: True
    params:
        papers={block.name: block.title for block in CONFIG.papers.values()},
        entries=lambda _wildcards: [evidence.page_entry(name, PLAN) for name in PAGE],
        missing=[name for name in PLAN.figures if name not in PAGE],
        scale=SCALE,
        confidence=CONFIG.confidence,
        version=VERSIONS["build_page"],
    message:
        "Building the page: {output.page}"
    script:
        "../../scripts/build_page.py"


# The committed evidence, one figure or table at a time: `snakemake --config scale=laptop -- reference_pgan_fig2`.
# `reference` is all of it. Not part of `all`.
REFERENCE = f"results/reference/{SCALE}"
OVERRIDES = evidence.overrides(workflow.config_settings.overwrite_config)


rule reference:
    input:
        [f"{REFERENCE}/provenance/{name}.json" for name in PLAN.figures],
        f"{REFERENCE}/costs.csv",
    localrule: True


for recorded in PLAN.figures:

    rule:
        name:
            f"reference_{recorded}"
        input:
            files=lambda _wildcards, name=recorded: evidence.kept_files(name, PLAN),
        output:
            provenance=f"{REFERENCE}/provenance/{recorded}.json",
        log:
            f"{OUT}/logs/reference_{recorded}.log",
        localrule: True
        params:
            kept=lambda _wildcards, name=recorded: evidence.kept(name, PLAN),
            withheld=lambda _wildcards, name=recorded: evidence.withheld_from(name, PLAN),
            command=f"snakemake --config scale={SCALE} -- reference_{recorded}",
            overrides=OVERRIDES,
            scale=SCALE,
            jobs=lambda _wildcards, name=recorded: evidence.jobs_of(name, PLAN),
            settings=lambda _wildcards, name=recorded: evidence.settings_of(name, PLAN),
        message:
            "Recording the evidence of scale {params.scale}: {output.provenance}"
        script:
            "../../scripts/record_reference.py"


# All statements with what the committed evidence of every scale says of them, whichever scale is asked for.
rule reference_statements:
    input:
        files=[
            path for scale in evidence.VERIFIED for paths in evidence.committed_files(scale).values() for path in paths
        ],
        claims=PLAN.claims_files(),
        why=f"{evidence.COMMITTED}/why.yaml",
    output:
        csv=f"{evidence.COMMITTED}/statements.csv",
        markdown=f"{evidence.COMMITTED}/statements.md",
    log:
        f"{OUT}/logs/reference_statements.log",
    localrule: True
    params:
        version=VERSIONS["verify_claims"],
    message:
        "Holding the published claims against the committed evidence"
    script:
        "../../scripts/tabulate_statements.py"


# What each of them cost.
rule reference_costs:
    input:
        files=PAGE_FILES,
    output:
        costs=f"{REFERENCE}/costs.csv",
    log:
        f"{OUT}/logs/reference_costs.log",
    localrule: True
    params:
        jobs=lambda _wildcards: evidence.jobs_by_target(PAGE, PLAN),
        scale=SCALE,
    message:
        "Recording what scale {params.scale} cost: {output.costs}"
    script:
        "../../scripts/record_costs.py"
