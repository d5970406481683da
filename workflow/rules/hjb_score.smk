# Score matching with the HJB equation of the score game as regulariser.


rule study_hjb_score:
    output:
        runs=f"{RESULTS}/tables/hjb_score_runs.csv",
        record=f"{RESULTS}/provenance/study_hjb_score/all.json",
    log:
        f"{RESULTS}/logs/study_hjb_score/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_hjb_score/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds", "studies.hjb_score"),
        modules=used_by("study_hjb_score"),
        code=digest("study_hjb_score"),
    script:
        "../scripts/study_hjb_score.py"


rule table_hjb_score:
    input:
        runs=rules.study_hjb_score.output.runs,
    output:
        table=report(
            f"{RESULTS}/tables/hjb_score.csv",
            caption="../report/table_hjb_score.rst",
            category="2. Tables",
            labels={"table": "HJB-regularised score model"},
        ),
        record=f"{RESULTS}/provenance/table_hjb_score/all.json",
    log:
        f"{RESULTS}/logs/table_hjb_score/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_hjb_score/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.hjb_score"),
        modules=used_by("table_hjb_score"),
        code=digest("table_hjb_score"),
    script:
        "../scripts/table_hjb_score.py"


rule figure_hjb_score:
    input:
        runs=rules.study_hjb_score.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/hjb_score.png",
            caption="../report/figure_hjb_score.rst",
            category="3. Figures",
            labels={"figure": "HJB-regularised score model"},
        ),
        record=f"{RESULTS}/provenance/figure_hjb_score/all.json",
    log:
        f"{RESULTS}/logs/figure_hjb_score/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_hjb_score/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.hjb_score"),
        modules=used_by("figure_hjb_score"),
        code=digest("figure_hjb_score"),
    script:
        "../scripts/figure_hjb_score.py"


STUDY_TABLES += [
    rules.study_hjb_score.output.runs,
    rules.table_hjb_score.output.table,
]
STUDY_FIGURES += [rules.figure_hjb_score.output.figure]
