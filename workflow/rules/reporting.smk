# Tables, figures, claims: no torch here.
ADVERSARIAL = (
    rules.study_adversarial.output if SETTINGS.studies.adversarial.datasets else None
)
METRICS = runs(rules.evaluate_model.output.metrics) + (
    [ADVERSARIAL.metrics] if ADVERSARIAL else []
)
STEPS = runs(rules.evaluate_model.output.steps)
RESIDUALS = runs(rules.evaluate_model.output.residuals)
FLOORS = expand(
    rules.measure_floor.output.table,
    dataset=sorted(
        {dataset for _, dataset in RUNS} | {*SETTINGS.studies.adversarial.datasets}
    ),
)
FLOWS = [
    run
    for run in RUNS
    if SETTINGS.models[run[0]].solver.kind in ("cnf", "otflow", "flow_matching")
]
FIRST = [(model, entry.datasets[0]) for model, entry in SETTINGS.models.items()]
SHARED = [
    dataset
    for dataset in SETTINGS.datasets
    if {model for model, other in FLOWS if other == dataset}
    == {model for model, _ in FLOWS}
]
CURVES = [
    run
    for run in FLOWS
    if run[1] in SHARED and SETTINGS.models[run[0]].solver.kind == "otflow"
]


rule table_generative:
    input:
        metrics=METRICS,
        floors=FLOORS,
    output:
        runs=f"{RESULTS}/tables/generative_runs.csv",
        summary=f"{RESULTS}/tables/generative_summary.csv",
        table=report(
            f"{RESULTS}/tables/generative.csv",
            caption="../report/table_generative.rst",
            category="2. Tables",
            labels={"table": "Generative models"},
        ),
        record=f"{RESULTS}/provenance/table_generative/all.json",
    log:
        f"{RESULTS}/logs/table_generative/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_generative/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("models", "datasets", "studies.adversarial"),
        modules=used_by("table_generative"),
        code=digest("table_generative"),
    script:
        "../scripts/table_generative.py"


rule table_steps:
    input:
        steps=STEPS,
        residuals=RESIDUALS,
    output:
        steps=report(
            f"{RESULTS}/tables/steps_runs.csv",
            caption="../report/table_steps.rst",
            category="2. Tables",
            labels={"table": "Number of integration steps"},
        ),
        residuals=f"{RESULTS}/tables/score_residuals.csv",
        record=f"{RESULTS}/provenance/table_steps/all.json",
    log:
        f"{RESULTS}/logs/table_steps/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_steps/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("evaluation.step_sweep"),
        modules=used_by("table_steps"),
        code=digest("table_steps"),
    script:
        "../scripts/table_steps.py"


rule table_cost:
    # Wall times: under benchmarks, because they are the one thing that no rerun reproduces.
    input:
        timing=trained("timing", RUNS) + ([ADVERSARIAL.timing] if ADVERSARIAL else []),
    output:
        table=f"{RESULTS}/benchmarks/cost.tsv",
        record=f"{RESULTS}/provenance/table_cost/all.json",
    log:
        f"{RESULTS}/logs/table_cost/all.log",
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        wall_times=["table"],
        modules=used_by("table_cost"),
        code=digest("table_cost"),
    script:
        "../scripts/table_cost.py"


rule figure_samples:
    input:
        arrays=runs(rules.evaluate_model.output.arrays),
    output:
        figure=report(
            f"{RESULTS}/figures/samples.png",
            caption="../report/figure_samples.rst",
            category="3. Figures",
            labels={"figure": "Samples against data"},
        ),
        record=f"{RESULTS}/provenance/figure_samples/all.json",
    log:
        f"{RESULTS}/logs/figure_samples/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_samples/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("models"),
        runs=RUNS,
        modules=used_by("figure_samples"),
        code=digest("figure_samples"),
    script:
        "../scripts/figure_samples.py"


rule figure_trajectories:
    input:
        arrays=[
            rules.evaluate_model.output.arrays.format(model=model, dataset=dataset)
            for model, dataset in FLOWS
            if dataset in SHARED
        ],
    output:
        figure=report(
            f"{RESULTS}/figures/trajectories.png",
            caption="../report/figure_trajectories.rst",
            category="3. Figures",
            labels={"figure": "Trajectories"},
        ),
        record=f"{RESULTS}/provenance/figure_trajectories/all.json",
    log:
        f"{RESULTS}/logs/figure_trajectories/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_trajectories/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("models"),
        runs=[run for run in FLOWS if run[1] in SHARED],
        modules=used_by("figure_trajectories"),
        code=digest("figure_trajectories"),
    script:
        "../scripts/figure_trajectories.py"


rule figure_values:
    input:
        arrays=[
            rules.evaluate_model.output.arrays.format(model=model, dataset=dataset)
            for model, dataset in FIRST
        ],
    output:
        figure=report(
            f"{RESULTS}/figures/values.png",
            caption="../report/figure_values.rst",
            category="3. Figures",
            labels={"figure": "Value functions and optimal velocities"},
        ),
        record=f"{RESULTS}/provenance/figure_values/all.json",
    log:
        f"{RESULTS}/logs/figure_values/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_values/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("models"),
        runs=FIRST,
        modules=used_by("figure_values"),
        code=digest("figure_values"),
    script:
        "../scripts/figure_values.py"


rule figure_steps:
    input:
        steps=rules.table_steps.output.steps,
    output:
        figure=report(
            f"{RESULTS}/figures/steps.png",
            caption="../report/figure_steps.rst",
            category="3. Figures",
            labels={"figure": "Likelihood against integration steps"},
        ),
        record=f"{RESULTS}/provenance/figure_steps/all.json",
    log:
        f"{RESULTS}/logs/figure_steps/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_steps/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("models"),
        datasets=SHARED,
        models=sorted({model for model, _ in FLOWS}),
        modules=used_by("figure_steps"),
        code=digest("figure_steps"),
    script:
        "../scripts/figure_steps.py"


rule figure_residuals:
    input:
        history=trained("history", CURVES),
        residuals=rules.table_steps.output.residuals,
    output:
        figure=report(
            f"{RESULTS}/figures/residuals.png",
            caption="../report/figure_residuals.rst",
            category="3. Figures",
            labels={"figure": "HJB residuals"},
        ),
        record=f"{RESULTS}/provenance/figure_residuals/all.json",
    log:
        f"{RESULTS}/logs/figure_residuals/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_residuals/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("models"),
        runs=[(*run, seed) for run in CURVES for seed in SEEDS],
        modules=used_by("figure_residuals"),
        code=digest("figure_residuals"),
    script:
        "../scripts/figure_residuals.py"


rule tables:
    input:
        rules.table_generative.output,
        rules.table_steps.output,
        rules.table_cost.output,
        rules.table_transformer_cost.output if TASKS else [],
        STUDY_TABLES,


rule figures:
    input:
        rules.figure_samples.output,
        rules.figure_trajectories.output,
        rules.figure_values.output,
        rules.figure_steps.output,
        rules.figure_residuals.output,
        STUDY_FIGURES,


rule claims:
    input:
        claims="config/claims.yaml",
        runs=rules.table_generative.output.runs,
        steps=rules.table_steps.output.steps,
        residuals=rules.table_steps.output.residuals,
        studies=STUDY_TABLES,
    output:
        ledger=report(
            f"{RESULTS}/claims/ledger.csv",
            caption="../report/claims.rst",
            category="1. Claims",
            labels={"ledger": "Verdict on every claim"},
        ),
        markdown=f"{RESULTS}/claims/ledger.md",
        front=f"{RESULTS}/claims/front_page.rst",
        figure=report(
            f"{RESULTS}/claims/claims.png",
            caption="../report/figure_claims.rst",
            category="1. Claims",
            labels={"ledger": "Estimates against what is claimed"},
        ),
        record=f"{RESULTS}/provenance/claims/all.json",
    log:
        f"{RESULTS}/logs/claims/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/claims/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("profile"),
        tables=lambda wildcards, input: str(Path(input.runs).parent),
        modules=used_by("claims"),
        code=digest("claims"),
    script:
        "../scripts/claims.py"
