# Robustness: uncertainty propagation with exact laws. Nothing is trained. Three studies, so that
# two cores have work; their cells in one table.


rule study_robustness_line:
    output:
        runs=f"{RESULTS}/tables/robustness_line_runs.csv",
        record=f"{RESULTS}/provenance/study_robustness_line/all.json",
    log:
        f"{RESULTS}/logs/study_robustness_line/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_robustness_line/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.robustness"),
        modules=used_by("study_robustness_line"),
        code=digest("study_robustness_line"),
    script:
        "../scripts/study_robustness_line.py"


rule study_robustness_circle:
    output:
        runs=f"{RESULTS}/tables/robustness_circle_runs.csv",
        record=f"{RESULTS}/provenance/study_robustness_circle/all.json",
    log:
        f"{RESULTS}/logs/study_robustness_circle/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_robustness_circle/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.robustness"),
        modules=used_by("study_robustness_circle"),
        code=digest("study_robustness_circle"),
    script:
        "../scripts/study_robustness_circle.py"


rule study_robustness_trade:
    output:
        runs=f"{RESULTS}/tables/robustness_trade_runs.csv",
        growth=f"{RESULTS}/tables/robustness_growth.csv",
        additivity=f"{RESULTS}/tables/robustness_additivity.csv",
        arrays=f"{RESULTS}/studies/robustness_trade.npz",
        record=f"{RESULTS}/provenance/study_robustness_trade/all.json",
    log:
        f"{RESULTS}/logs/study_robustness_trade/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_robustness_trade/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.robustness"),
        modules=used_by("study_robustness_trade"),
        code=digest("study_robustness_trade"),
    script:
        "../scripts/study_robustness_trade.py"


rule table_robustness:
    input:
        line=rules.study_robustness_line.output.runs,
        circle=rules.study_robustness_circle.output.runs,
        trade=rules.study_robustness_trade.output.runs,
    output:
        runs=f"{RESULTS}/tables/robustness_runs.csv",
        slopes=f"{RESULTS}/tables/robustness_slopes.csv",
        table=report(
            f"{RESULTS}/tables/robustness.csv",
            caption="../report/table_robustness.rst",
            category="2. Tables",
            labels={"table": "Robustness: every bound against what it bounds"},
        ),
        record=f"{RESULTS}/provenance/table_robustness/all.json",
    log:
        f"{RESULTS}/logs/table_robustness/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_robustness/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_robustness"),
        code=digest("table_robustness"),
    script:
        "../scripts/table_robustness.py"


rule figure_robustness:
    input:
        runs=rules.table_robustness.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/robustness.png",
            caption="../report/figure_robustness.rst",
            category="3. Figures",
            labels={"figure": "Robustness: measured distances and their bounds"},
        ),
        record=f"{RESULTS}/provenance/figure_robustness/all.json",
    log:
        f"{RESULTS}/logs/figure_robustness/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_robustness/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_robustness"),
        code=digest("figure_robustness"),
    script:
        "../scripts/figure_robustness.py"


rule figure_robustness_trade:
    input:
        growth=rules.study_robustness_trade.output.growth,
        arrays=rules.study_robustness_trade.output.arrays,
    output:
        figure=report(
            f"{RESULTS}/figures/robustness_trade.png",
            caption="../report/figure_robustness_trade.rst",
            category="3. Figures",
            labels={"figure": "Robustness: noise against no noise, and trade-offs"},
        ),
        record=f"{RESULTS}/provenance/figure_robustness_trade/all.json",
    log:
        f"{RESULTS}/logs/figure_robustness_trade/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_robustness_trade/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_robustness_trade"),
        code=digest("figure_robustness_trade"),
    script:
        "../scripts/figure_robustness_trade.py"


# Score models of laws whose score is known.
SCORED = [
    run
    for run in RUNS
    if SETTINGS.models[run[0]].solver.kind == "score"
    and SETTINGS.datasets[run[1]].kind == "mixture"
]


rule study_robustness_models:
    input:
        weights=trained("weights", SCORED),
    output:
        runs=f"{RESULTS}/tables/robustness_models_runs.csv",
        record=f"{RESULTS}/provenance/study_robustness_models/all.json",
    log:
        f"{RESULTS}/logs/study_robustness_models/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_robustness_models/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.robustness", "datasets", "models"),
        runs=[run for run in SCORED for _ in SEEDS],
        modules=used_by("study_robustness_models"),
        code=digest("study_robustness_models"),
    script:
        "../scripts/study_robustness_models.py"


rule table_robustness_models:
    input:
        runs=rules.study_robustness_models.output.runs,
    output:
        table=report(
            f"{RESULTS}/tables/robustness_models.csv",
            caption="../report/table_robustness_models.rst",
            category="2. Tables",
            labels={"table": "Robustness: parts of the error of trained score models"},
        ),
        record=f"{RESULTS}/provenance/table_robustness_models/all.json",
    log:
        f"{RESULTS}/logs/table_robustness_models/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_robustness_models/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_robustness_models"),
        code=digest("table_robustness_models"),
    script:
        "../scripts/table_robustness_models.py"


rule figure_robustness_models:
    input:
        runs=rules.study_robustness_models.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/robustness_models.png",
            caption="../report/figure_robustness_models.rst",
            category="3. Figures",
            labels={
                "figure": "Robustness: parts of the error of trained score models"
            },
        ),
        record=f"{RESULTS}/provenance/figure_robustness_models/all.json",
    log:
        f"{RESULTS}/logs/figure_robustness_models/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_robustness_models/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_robustness_models"),
        code=digest("figure_robustness_models"),
    script:
        "../scripts/figure_robustness_models.py"


STUDY_TABLES += [
    rules.table_robustness.output.runs,
    rules.table_robustness.output.slopes,
    rules.table_robustness.output.table,
    rules.study_robustness_trade.output.growth,
    rules.study_robustness_trade.output.additivity,
]
STUDY_FIGURES += [
    rules.figure_robustness.output.figure,
    rules.figure_robustness_trade.output.figure,
]
if SCORED:  # a profile may have no score model of a law with known score
    STUDY_TABLES += [
        rules.study_robustness_models.output.runs,
        rules.table_robustness_models.output.table,
    ]
    STUDY_FIGURES += [rules.figure_robustness_models.output.figure]
