"""Say in a few sentences what a run shows, and where its page lies."""

from oleander.evaluation.headlines import autoencoder_headline, gan_headline, poisoning_headline
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csv, read_csvs

with plain_errors():
    params = snakemake.params
    said = [
        poisoning_headline(read_csv(snakemake.input.rates), *params.poisoning),
        autoencoder_headline(read_csvs(snakemake.input.errors), params.autoencoder),
        gan_headline(read_csvs(snakemake.input.scores), params.gan),
    ]
    print(
        "\n".join(
            ["", f"Scale {params.scale}, {params.data}:", *said, f"All figures on one page: {snakemake.input.page}"]
        ),
        flush=True,
    )
