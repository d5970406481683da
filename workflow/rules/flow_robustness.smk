# Velocity errors through flows, and regularity of value functions, scores and learned velocities.
FLOWS = [
    run
    for run in RUNS
    if run[1] == "moons"
    and SETTINGS.models[run[0]].solver.kind
    in ("cnf", "otflow", "flow_matching", "score")
]


rule study_robustness_flows:
    input:
        weights=trained("weights", FLOWS),
    output:
        runs=f"{RESULTS}/tables/robustness_flows_runs.csv",
        models=f"{RESULTS}/tables/regularity_models_runs.csv",
        record=f"{RESULTS}/provenance/study_robustness_flows/all.json",
    log:
        f"{RESULTS}/logs/study_robustness_flows/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_robustness_flows/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.robustness_flows", "seeds", "models"),
        runs=[run for run in FLOWS for _ in SEEDS],
        modules=used_by("study_robustness_flows"),
        code=digest("study_robustness_flows"),
    script:
        "../scripts/study_robustness_flows.py"


rule table_robustness_flows:
    input:
        runs=rules.study_robustness_flows.output.runs,
    output:
        slopes=f"{RESULTS}/tables/robustness_flows_slopes.csv",
        table=report(
            f"{RESULTS}/tables/robustness_flows.csv",
            caption="../report/table_robustness_flows.rst",
            category="2. Tables",
            labels={"table": "Robustness: velocity errors through samplers"},
        ),
        record=f"{RESULTS}/provenance/table_robustness_flows/all.json",
    log:
        f"{RESULTS}/logs/table_robustness_flows/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_robustness_flows/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_robustness_flows"),
        code=digest("table_robustness_flows"),
    script:
        "../scripts/table_robustness_flows.py"


rule figure_robustness_flows:
    input:
        runs=rules.study_robustness_flows.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/robustness_flows.png",
            caption="../report/figure_robustness_flows.rst",
            category="3. Figures",
            labels={"figure": "Robustness: velocity errors through samplers"},
        ),
        record=f"{RESULTS}/provenance/figure_robustness_flows/all.json",
    log:
        f"{RESULTS}/logs/figure_robustness_flows/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_robustness_flows/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_robustness_flows"),
        code=digest("figure_robustness_flows"),
    script:
        "../scripts/figure_robustness_flows.py"


rule study_regularity:
    output:
        runs=f"{RESULTS}/tables/regularity_runs.csv",
        scores=f"{RESULTS}/tables/regularity_scores.csv",
        slopes=f"{RESULTS}/tables/regularity_slopes.csv",
        record=f"{RESULTS}/provenance/study_regularity/all.json",
    log:
        f"{RESULTS}/logs/study_regularity/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_regularity/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.regularity"),
        modules=used_by("study_regularity"),
        code=digest("study_regularity"),
    script:
        "../scripts/study_regularity.py"


rule table_regularity:
    input:
        runs=rules.study_regularity.output.runs,
        models=rules.study_robustness_flows.output.models,
    output:
        table=report(
            f"{RESULTS}/tables/regularity.csv",
            caption="../report/table_regularity.rst",
            category="2. Tables",
            labels={"table": "Regularity of exact value functions"},
        ),
        learned=report(
            f"{RESULTS}/tables/regularity_learned.csv",
            caption="../report/table_regularity_learned.rst",
            category="2. Tables",
            labels={"table": "Regularity of learned velocities"},
        ),
        record=f"{RESULTS}/provenance/table_regularity/all.json",
    log:
        f"{RESULTS}/logs/table_regularity/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_regularity/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_regularity"),
        code=digest("table_regularity"),
    script:
        "../scripts/table_regularity.py"


rule figure_regularity:
    input:
        runs=rules.study_regularity.output.runs,
        scores=rules.study_regularity.output.scores,
        models=rules.study_robustness_flows.output.models,
    output:
        figure=report(
            f"{RESULTS}/figures/regularity.png",
            caption="../report/figure_regularity.rst",
            category="3. Figures",
            labels={"figure": "Regularity of value functions, scores and velocities"},
        ),
        record=f"{RESULTS}/provenance/figure_regularity/all.json",
    log:
        f"{RESULTS}/logs/figure_regularity/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_regularity/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_regularity"),
        code=digest("figure_regularity"),
    script:
        "../scripts/figure_regularity.py"


STUDY_TABLES += [
    rules.study_robustness_flows.output.runs,
    rules.study_robustness_flows.output.models,
    rules.table_robustness_flows.output.slopes,
    rules.table_robustness_flows.output.table,
    rules.study_regularity.output.runs,
    rules.study_regularity.output.scores,
    rules.study_regularity.output.slopes,
    rules.table_regularity.output.table,
    rules.table_regularity.output.learned,
]
STUDY_FIGURES += [
    rules.figure_robustness_flows.output.figure,
    rules.figure_regularity.output.figure,
]
