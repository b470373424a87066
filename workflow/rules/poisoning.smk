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
        checkpoint_iterations=Untracked(None),
        state_minutes=Untracked(CONFIG.state_minutes),
        tested_by=lambda wildcards: Untracked(PLAN.tasks_of(wildcards.experiment)),
        version=VERSIONS["train_attack"],
    message:
        "Training generators of poison: {wildcards.experiment}, {wildcards.cohort}"
    script:
        "../../scripts/train_attack.py"


# Experiments with checkpoint_iterations also keep their generators during training.
use rule train_attack as train_attack_with_checkpoints with:
    output:
        generators=f"{OUT}/pgan/{{experiment}}/generators/{{cohort}}.safetensors",
        curves=f"{OUT}/pgan/{{experiment}}/curves/{{cohort}}.csv",
        checkpoints=directory(f"{OUT}/checkpoints/{{experiment}}/{{cohort}}"),
    wildcard_constraints:
        experiment="|".join(name for name, one in PLAN.experiments.items() if one.own.checkpoint_iterations) or "-",
    params:
        checkpoint_iterations=lambda wildcards: experiment(wildcards).own.checkpoint_iterations,


ruleorder: train_attack_with_checkpoints > train_attack


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
        generators=lambda wildcards: experiment(wildcards).generators_file(wildcards.cohort),
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


# How far the poison of each generator in the plane is from genuine points.
rule measure_distances:
    input:
        dataset=lambda wildcards: experiment(wildcards).data_file(),
        samples=lambda wildcards: experiment(wildcards).all_samples().files,
    output:
        distances=f"{OUT}/pgan/{{experiment}}/distances.csv",
    log:
        f"{OUT}/logs/measure_distances/{{experiment}}.log",
    localrule: True
    params:
        task=lambda wildcards: experiment(wildcards).task_settings(),
        identity=lambda wildcards: experiment(wildcards).identity(),
        version=VERSIONS["measure_distances"],
    message:
        "Measuring distances from genuine points: {wildcards.experiment}"
    script:
        "../../scripts/measure_distances.py"


# Poison over training. The training itself knows nothing of these measures: it keeps generators.
rule measure_checkpoints:
    input:
        dataset=lambda wildcards: experiment(wildcards).data_file(),
        checkpoints=lambda wildcards: experiment(wildcards).checkpoints(wildcards.cohort),
        curves=f"{OUT}/pgan/{{experiment}}/curves/{{cohort}}.csv",
    output:
        measures=f"{OUT}/pgan/{{experiment}}/checkpoint_measures/{{evaluation}}/{{cohort}}.csv",
    log:
        f"{OUT}/logs/measure_checkpoints/{{experiment}}/{{evaluation}}/{{cohort}}.log",
    benchmark:
        f"{OUT}/benchmarks/measure_checkpoints/{{experiment}}/{{evaluation}}/{{cohort}}.tsv"
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        task=lambda wildcards: experiment(wildcards).task_settings(),
        attack=lambda wildcards: experiment(wildcards).attack_settings(),
        replicas=lambda wildcards: experiment(wildcards).cohorts[wildcards.cohort],
        evaluation=lambda wildcards: experiment(wildcards).evaluation_settings(wildcards.evaluation),
        identity=lambda wildcards: experiment(wildcards).identity(wildcards.evaluation),
        device=CONFIG.device.plain(),
        version=VERSIONS["measure_checkpoints"],
    message:
        "Measuring poison over training: {wildcards.experiment}, {wildcards.evaluation}, {wildcards.cohort}"
    script:
        "../../scripts/measure_checkpoints.py"


rule try_checkpoints:
    input:
        dataset=lambda wildcards: experiment(wildcards).data_file(),
        checkpoints=lambda wildcards: experiment(wildcards).checkpoints(wildcards.cohort),
    output:
        trials=f"{OUT}/pgan/{{experiment}}/checkpoint_trials/{{evaluation}}/{{cohort}}.csv",
    log:
        f"{OUT}/logs/try_checkpoints/{{experiment}}/{{evaluation}}/{{cohort}}.log",
    benchmark:
        f"{OUT}/benchmarks/try_checkpoints/{{experiment}}/{{evaluation}}/{{cohort}}.tsv"
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        task=lambda wildcards: experiment(wildcards).task_settings(),
        attack=lambda wildcards: experiment(wildcards).attack_settings(),
        replicas=lambda wildcards: experiment(wildcards).cohorts[wildcards.cohort],
        evaluation=lambda wildcards: experiment(wildcards).evaluation_settings(wildcards.evaluation),
        identity=lambda wildcards: experiment(wildcards).identity(wildcards.evaluation),
        device=CONFIG.device.plain(),
        state=f"{OUT}/state/try_checkpoints/{{experiment}}/{{evaluation}}/{{cohort}}",
        state_minutes=Untracked(CONFIG.state_minutes),
        version=VERSIONS["try_checkpoints"],
    message:
        "Testing victims over training: {wildcards.experiment}, {wildcards.evaluation}, {wildcards.cohort}"
    script:
        "../../scripts/try_checkpoints.py"


rule fit_boundaries:
    input:
        dataset=lambda wildcards: experiment(wildcards).data_file(),
        generators=lambda wildcards: experiment(wildcards).generators_file(wildcards.cohort),
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
