# Poisoning studies: train an attack's generators, test the attack on victims, save samples of poison. A job is a cohort.
rule train_attack:
    input:
        dataset=lambda wildcards: experiment(wildcards).data_file(),
    output:
        generators=f"{OUT}/pgan/{{experiment}}/generators/{{cohort}}.safetensors",
        curves=f"{OUT}/pgan/{{experiment}}/curves/{{cohort}}.csv",
    log:
        f"{OUT}/logs/train_attack/{{experiment}}/{{cohort}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_attack/{{experiment}}/{{cohort}}.tsv"
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        task=lambda wildcards: experiment(wildcards).task_settings(),
        attack=lambda wildcards: experiment(wildcards).attack_settings(),
        replicas=lambda wildcards: experiment(wildcards).cohorts[wildcards.cohort],
        identity=lambda wildcards: experiment(wildcards).identity(),
        device=CONFIG.device.plain(),
        state=f"{OUT}/state/train_attack/{{experiment}}/{{cohort}}",
        checkpoints=f"{OUT}/checkpoints/{{experiment}}/{{cohort}}",
        checkpoint_iterations=Untracked(CONFIG.checkpoint_iterations),
        state_minutes=Untracked(CONFIG.state_minutes),
        version=VERSIONS["train_attack"],
    message:
        "Training generators of poison: {wildcards.experiment}, {wildcards.cohort}"
    script:
        "../../scripts/train_attack.py"


rule run_trials:
    input:
        dataset=lambda wildcards: PLAN.data_file(experiment(wildcards).dataset_of(wildcards.evaluation)),
        generators=lambda wildcards: experiment(wildcards).generators_file(wildcards.cohort),
    output:
        trials=f"{OUT}/pgan/{{experiment}}/trials/{{evaluation}}/{{cohort}}.csv",
        confusion=f"{OUT}/pgan/{{experiment}}/confusion/{{evaluation}}/{{cohort}}.csv",
    log:
        f"{OUT}/logs/run_trials/{{experiment}}/{{evaluation}}/{{cohort}}.log",
    benchmark:
        f"{OUT}/benchmarks/run_trials/{{experiment}}/{{evaluation}}/{{cohort}}.tsv"
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        task=lambda wildcards: experiment(wildcards).task_settings(wildcards.evaluation),
        attack=lambda wildcards: experiment(wildcards).attack_settings(),
        replicas=lambda wildcards: experiment(wildcards).cohorts[wildcards.cohort],
        evaluation=lambda wildcards: experiment(wildcards).evaluation_settings(wildcards.evaluation),
        identity=lambda wildcards: experiment(wildcards).identity(wildcards.evaluation),
        device=CONFIG.device.plain(),
        state=f"{OUT}/state/run_trials/{{experiment}}/{{evaluation}}/{{cohort}}",
        state_minutes=Untracked(CONFIG.state_minutes),
        version=VERSIONS["run_trials"],
    message:
        "Training and testing victims: {wildcards.experiment}, {wildcards.evaluation}, {wildcards.cohort}"
    script:
        "../../scripts/run_trials.py"


rule draw_samples:
    input:
        dataset=lambda wildcards: experiment(wildcards).data_file(),
        generators=rules.train_attack.output.generators,
    output:
        samples=f"{OUT}/pgan/{{experiment}}/samples/{{cohort}}.safetensors",
    log:
        f"{OUT}/logs/draw_samples/{{experiment}}/{{cohort}}.log",
    localrule: True
    params:
        task=lambda wildcards: experiment(wildcards).task_settings(),
        attack=lambda wildcards: experiment(wildcards).attack_settings(),
        identity=lambda wildcards: experiment(wildcards).identity(),
        points=PLAN.samples_per_generator,
        version=VERSIONS["draw_samples"],
    message:
        "Drawing samples of poison: {wildcards.experiment}, {wildcards.cohort}"
    script:
        "../../scripts/draw_samples.py"


rule fit_boundaries:
    input:
        dataset=lambda wildcards: experiment(wildcards).data_file(),
        generators=rules.train_attack.output.generators,
    output:
        boundaries=f"{OUT}/pgan/{{experiment}}/boundaries/{{evaluation}}/{{cohort}}.csv",
        points=f"{OUT}/pgan/{{experiment}}/boundaries/{{evaluation}}/{{cohort}}.points.csv",
    log:
        f"{OUT}/logs/fit_boundaries/{{experiment}}/{{evaluation}}/{{cohort}}.log",
    localrule: True
    params:
        task=lambda wildcards: experiment(wildcards).task_settings(),
        attack=lambda wildcards: experiment(wildcards).attack_settings(),
        evaluation=lambda wildcards: experiment(wildcards).evaluation_settings(wildcards.evaluation),
        identity=lambda wildcards: experiment(wildcards).identity(),
        version=VERSIONS["fit_boundaries"],
    message:
        "Fitting decision boundaries: {wildcards.experiment}, {wildcards.cohort}"
    script:
        "../../scripts/fit_boundaries.py"
