# Boltzmann generators of a double well.


rule study_boltzmann:
    output:
        runs=f"{RESULTS}/tables/boltzmann_runs.csv",
        record=f"{RESULTS}/provenance/study_boltzmann/all.json",
    log:
        f"{RESULTS}/logs/study_boltzmann/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_boltzmann/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.boltzmann", "seeds"),
        modules=used_by("study_boltzmann"),
        code=digest("study_boltzmann"),
    script:
        "../scripts/study_boltzmann.py"


rule table_boltzmann:
    input:
        runs=rules.study_boltzmann.output.runs,
    output:
        table=report(
            f"{RESULTS}/tables/boltzmann.csv",
            caption="../report/table_boltzmann.rst",
            category="2. Tables",
            labels={"table": "Boltzmann generators"},
        ),
        record=f"{RESULTS}/provenance/table_boltzmann/all.json",
    log:
        f"{RESULTS}/logs/table_boltzmann/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_boltzmann/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_boltzmann"),
        code=digest("table_boltzmann"),
    script:
        "../scripts/table_boltzmann.py"


rule figure_boltzmann:
    input:
        runs=rules.study_boltzmann.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/boltzmann.png",
            caption="../report/figure_boltzmann.rst",
            category="3. Figures",
            labels={"figure": "Boltzmann generators"},
        ),
        record=f"{RESULTS}/provenance/figure_boltzmann/all.json",
    log:
        f"{RESULTS}/logs/figure_boltzmann/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_boltzmann/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_boltzmann"),
        code=digest("figure_boltzmann"),
    script:
        "../scripts/figure_boltzmann.py"


STUDY_TABLES += [rules.study_boltzmann.output.runs, rules.table_boltzmann.output.table]
STUDY_FIGURES += [rules.figure_boltzmann.output.figure]
