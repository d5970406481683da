# Outliers and noise in the training data.


rule study_contamination:
    output:
        runs=f"{RESULTS}/tables/contamination_runs.csv",
        record=f"{RESULTS}/provenance/study_contamination/all.json",
    log:
        f"{RESULTS}/logs/study_contamination/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_contamination/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.contamination", "seeds"),
        modules=used_by("study_contamination"),
        code=digest("study_contamination"),
    script:
        "../scripts/study_contamination.py"


rule table_contamination:
    input:
        runs=rules.study_contamination.output.runs,
    output:
        table=report(
            f"{RESULTS}/tables/contamination.csv",
            caption="../report/table_contamination.rst",
            category="2. Tables",
            labels={"table": "Contaminated training data"},
        ),
        record=f"{RESULTS}/provenance/table_contamination/all.json",
    log:
        f"{RESULTS}/logs/table_contamination/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_contamination/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_contamination"),
        code=digest("table_contamination"),
    script:
        "../scripts/table_contamination.py"


rule figure_contamination:
    input:
        runs=rules.study_contamination.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/contamination.png",
            caption="../report/figure_contamination.rst",
            category="3. Figures",
            labels={"figure": "Contaminated training data"},
        ),
        record=f"{RESULTS}/provenance/figure_contamination/all.json",
    log:
        f"{RESULTS}/logs/figure_contamination/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_contamination/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_contamination"),
        code=digest("figure_contamination"),
    script:
        "../scripts/figure_contamination.py"


STUDY_TABLES += [
    rules.study_contamination.output.runs,
    rules.table_contamination.output.table,
]
STUDY_FIGURES += [rules.figure_contamination.output.figure]
