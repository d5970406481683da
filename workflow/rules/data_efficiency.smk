# Error against the number of training points.


rule study_data_efficiency:
    output:
        runs=f"{RESULTS}/tables/data_efficiency_runs.csv",
        factors=report(
            f"{RESULTS}/tables/data_efficiency_factor.csv",
            caption="../report/table_data_efficiency_factor.rst",
            category="2. Tables",
            labels={"table": "Points that the HJB equation saves"},
        ),
        record=f"{RESULTS}/provenance/study_data_efficiency/all.json",
    log:
        f"{RESULTS}/logs/study_data_efficiency/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_data_efficiency/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds", "studies.data_efficiency"),
        modules=used_by("study_data_efficiency"),
        code=digest("study_data_efficiency"),
    script:
        "../scripts/study_data_efficiency.py"


rule study_time_to_quality:
    output:
        runs=f"{RESULTS}/tables/time_to_quality_runs.csv",
        table=report(
            f"{RESULTS}/tables/time_to_quality.csv",
            caption="../report/table_time_to_quality.rst",
            category="2. Tables",
            labels={"table": "Shorter trainings"},
        ),
        times=f"{RESULTS}/benchmarks/time_to_quality.tsv",
        record=f"{RESULTS}/provenance/study_time_to_quality/all.json",
    log:
        f"{RESULTS}/logs/study_time_to_quality/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_time_to_quality/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds", "studies.data_efficiency"),
        wall_times=["times"],
        modules=used_by("study_time_to_quality"),
        code=digest("study_time_to_quality"),
    script:
        "../scripts/study_time_to_quality.py"


rule table_data_efficiency:
    input:
        runs=rules.study_data_efficiency.output.runs,
    output:
        table=report(
            f"{RESULTS}/tables/data_efficiency.csv",
            caption="../report/table_data_efficiency.rst",
            category="2. Tables",
            labels={"table": "Data efficiency"},
        ),
        record=f"{RESULTS}/provenance/table_data_efficiency/all.json",
    log:
        f"{RESULTS}/logs/table_data_efficiency/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_data_efficiency/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.data_efficiency"),
        modules=used_by("table_data_efficiency"),
        code=digest("table_data_efficiency"),
    script:
        "../scripts/table_data_efficiency.py"


rule figure_data_efficiency:
    input:
        runs=rules.study_data_efficiency.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/data_efficiency.png",
            caption="../report/figure_data_efficiency.rst",
            category="3. Figures",
            labels={"figure": "Data efficiency"},
        ),
        record=f"{RESULTS}/provenance/figure_data_efficiency/all.json",
    log:
        f"{RESULTS}/logs/figure_data_efficiency/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_data_efficiency/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.data_efficiency"),
        modules=used_by("figure_data_efficiency"),
        code=digest("figure_data_efficiency"),
    script:
        "../scripts/figure_data_efficiency.py"


STUDY_TABLES += [
    rules.study_data_efficiency.output.runs,
    rules.study_data_efficiency.output.factors,
    rules.table_data_efficiency.output.table,
    rules.study_time_to_quality.output.runs,
    rules.study_time_to_quality.output.table,
]
STUDY_FIGURES += [rules.figure_data_efficiency.output.figure]
