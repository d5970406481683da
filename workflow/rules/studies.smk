# Studies that train nothing: closed forms of the games. Studies that train small models have a file
# each; all of them add their tables to STUDY_TABLES, for the claims, and their figures to
# STUDY_FIGURES.
STUDY_TABLES = []
STUDY_FIGURES = []


rule study_closed_forms:
    output:
        illposedness=report(
            f"{RESULTS}/tables/illposedness.csv",
            caption="../report/table_illposedness.rst",
            category="2. Tables",
            labels={"table": "Exact flows of the plain CNF"},
        ),
        residuals=f"{RESULTS}/tables/exact_residuals.csv",
        identity=report(
            f"{RESULTS}/tables/value_identity.csv",
            caption="../report/table_value_identity.rst",
            category="2. Tables",
            labels={"table": "Value identity of the score game"},
        ),
        record=f"{RESULTS}/provenance/study_closed_forms/all.json",
    log:
        f"{RESULTS}/logs/study_closed_forms/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_closed_forms/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.closed_forms"),
        modules=used_by("study_closed_forms"),
        code=digest("study_closed_forms"),
    script:
        "../scripts/study_closed_forms.py"


STUDY_TABLES += [
    rules.study_closed_forms.output.illposedness,
    rules.study_closed_forms.output.residuals,
    rules.study_closed_forms.output.identity,
]
