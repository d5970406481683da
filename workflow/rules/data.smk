# Data: generated laws, data sets that ship with dependencies, downloads.


rule download_dataset:
    output:
        manifest=f"{RESULTS}/downloads/{{source}}.json",
        record=f"{RESULTS}/provenance/download_dataset/{{source}}.json",
    log:
        f"{RESULTS}/logs/download_dataset/{{source}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/download_dataset/{{source}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("data_folder"),
        modules=used_by("download_dataset"),
        code=digest("download_dataset"),
    script:
        "../scripts/download_dataset.py"


rule prepare_dataset:
    input:
        manifest=fetched,
    output:
        data=f"{RESULTS}/data/{{dataset}}.npz",
        record=f"{RESULTS}/provenance/prepare_dataset/{{dataset}}.json",
    log:
        f"{RESULTS}/logs/prepare_dataset/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare_dataset/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("datasets.{dataset}"),
        modules=used_by("prepare_dataset"),
        code=digest("prepare_dataset"),
    script:
        "../scripts/prepare_dataset.py"


rule measure_floor:
    input:
        data=rules.prepare_dataset.output.data,
    output:
        table=f"{RESULTS}/floors/{{dataset}}.csv",
        record=f"{RESULTS}/provenance/measure_floor/{{dataset}}.json",
    log:
        f"{RESULTS}/logs/measure_floor/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_floor/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("evaluation"),
        modules=used_by("measure_floor"),
        code=digest("measure_floor"),
    script:
        "../scripts/measure_floor.py"
