"""Columns of the CSVs that jobs hand to figures, tables and verdicts, and the names that stand in them.

Who writes a table and who draws it agree here. Nothing heavy is imported, so that a job that only draws starts at once.
"""

CLEAN, TRIGGERED = "clean", "triggered"
"""The model without a backdoor; images or noise without a trigger, and with one."""
INCEPTION, CLASSIFIER = "inception", "classifier"
"""Whose features a distance is by."""

TRIAL_IDENTITY = (
    *("scale", "precision", "experiment", "evaluation", "dataset", "stand_in_for", "attack", "alpha", "lambda_prime"),
)
"""Columns that say whose trial it is: `precision` is that of training, `stand_in_for` is empty for real data, `alpha`
and `lambda_prime` are for attacks without them."""
TRIAL_CONDITIONS = ("generator", "run", "poison_fraction", "defense", "train_points")
"""Columns that tell the trials of one attack apart. `generator` counts the attack's repetitions, trained or not."""
TRIAL_MEASURES = (
    "kept_points",
    "genuine_rejected",
    "poison_rejected",
    "genuine_relabelled",
    "poison_relabelled",
    "error",
    "false_positive_rate",
    "false_negative_rate",
    "source_as_target",
)
"""What is measured; all but the number of kept points are fractions in [0, 1]. The last four are empty where no victim
was trained or it diverged."""
TRIALS = (*TRIAL_IDENTITY, *TRIAL_CONDITIONS, *TRIAL_MEASURES, "status")
"""Every trials file's columns; `status` is "ok", or "diverged" where the victim did, or what a defense fitted."""
CONFUSION = (*TRIAL_IDENTITY, *TRIAL_CONDITIONS, "true_class", "predicted_class", "share")
"""Columns of the confusion matrices: one row a trial and pair of classes, shares of the true class's test points."""

PGAN_CURVES = (
    *("discriminator_loss", "classifier_loss", "generator_loss", "discriminator_on_poison", "classifier_on_poison"),
)
"""What is recorded of pGAN's training, as a mean over each epoch: the three losses, and the mean probabilities D(G(z))
that poison is genuine and C(G(z)) that it belongs to the target class."""

RECONSTRUCTION_ERRORS = (
    *("scale", "precision", "autoencoder", "dataset", "stand_in_for", "model", "seed", "images", "count"),
    *("mse", "mse_std", "mse_median", "mse_percentile_95"),
)
"""Of autoencoders: `precision` is that of training, `model` is `CLEAN` or the name of a target, `images` is `CLEAN` or
`TRIGGERED`. `mse` is the mean over `count` test images of their own mean squared errors: the utility on clean images,
the backdoor error on triggered ones. The three columns behind it say how those of single images spread."""

GAN_SCORES = (
    *("scale", "precision", "gan", "dataset", "stand_in_for", "target", "triggered_labels", "seed", "checkpoint"),
    *("step", "status", "noise", "reference", "reference_classes", "images", "reference_images", "features"),
    *("feature_dataset", "fid", "target_rate", "mse"),
)
"""Of GANs, one row a measurement. `precision` is that of training; `noise` is clean or triggered; `reference` the
dataset whose test images of `reference_classes` (empty: all) the FID is taken against; `feature_dataset` the dataset
whose classifier the FID is taken by, empty for Inception; `target_rate` the share of the images that the classifier
puts into those classes, empty where it has not got them or they are all; `mse` the mean squared error against a single
target image, values in [0, 1]."""
