"""Columns of the CSVs that jobs pass to figures, tables and verdicts, and values used in them.

Shared by the code that writes a table and the code that reads it. Imports nothing heavy, so plotting jobs start fast.
"""

CLEAN, TRIGGERED = "clean", "triggered"
"""CLEAN: a model without a backdoor, or images or noise without a trigger. TRIGGERED: with a trigger."""
INCEPTION, CLASSIFIER = "inception", "classifier"
"""The network whose features a FID uses."""

TRIAL_IDENTITY = (
    *("scale", "precision", "experiment", "evaluation", "dataset", "stand_in_for", "attack", "alpha", "lambda_prime"),
)
"""Columns that identify a trial's experiment: `precision` is the training precision, `stand_in_for` is empty for real
data, `alpha` and `lambda_prime` are empty for attacks without them."""
TRIAL_CONDITIONS = ("generator", "run", "poison_fraction", "defense", "train_points")
"""Columns that distinguish the trials of one attack. `generator` numbers the attack's repetitions, trained or not."""
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
"""Measured columns; all except `kept_points` are fractions in [0, 1]. The last four are empty if no victim was trained
or it diverged."""
TRIALS = (*TRIAL_IDENTITY, *TRIAL_CONDITIONS, *TRIAL_MEASURES, "status")
"""Columns of a trials file; `status` is "ok", or "diverged" if the victim or a defense's fitted victim diverged."""
CONFUSION = (*TRIAL_IDENTITY, *TRIAL_CONDITIONS, "true_class", "predicted_class", "share")
"""Columns of the confusion matrices: one row per trial and pair of classes; `share` is of the true class's points."""

GENUINE, POISON = "genuine", "poison"
"""What was measured: genuine points of the target class, the reference, or a generator's poison."""
CHECKPOINT_MEASURES = (
    *("discriminator_on_poison", "classifier_on_poison", "nearest_distance", "nearest_is_source", "rejected"),
)
"""D(G(z)) and C(G(z)) as in `PGAN_CURVES`, over the epoch of the iteration, empty for genuine points; the mean distance
of a point to the nearest other of the same kind; the fraction whose nearest genuine training point is of the source
class; the fraction that the defense rejects."""
CHECKPOINTS = (
    *TRIAL_IDENTITY,
    *("generator", "run", "defense", "points", "count", "iteration", "dropout"),
    *CHECKPOINT_MEASURES,
)
"""Measures of poison over training. `count` points of the kind `points` were measured; `dropout` says whether it was on
when they were drawn; it and `iteration` are empty for genuine points."""
CHECKPOINT_TRIALS = ("iteration", *TRIALS)
"""Trials on the generators of an iteration of training; empty for trials without poison."""

DISTANCES = (
    *("scale", "precision", "experiment", "dataset", "stand_in_for", "attack", "points", "alpha", "generator", "count"),
    "energy_distance",
)
"""Energy distances between `count` points and as many genuine test points of the target class. `points` is `POISON`, of
one generator, or `GENUINE`: other test points, with an empty `alpha`; `generator` then numbers the draws."""

PGAN_CURVES = (
    *("discriminator_loss", "classifier_loss", "generator_loss", "discriminator_on_poison", "classifier_on_poison"),
)
"""pGAN training curves, as means over each epoch: the three losses, and the mean probabilities D(G(z)) that poison is
genuine and C(G(z)) that it belongs to the target class."""

RECONSTRUCTION_ERRORS = (
    *("scale", "precision", "autoencoder", "dataset", "stand_in_for", "model", "seed", "images", "count"),
    *("mse", "mse_std", "mse_median", "mse_percentile_95"),
)
"""Autoencoder errors. `precision` is the training precision; `model` is `CLEAN` or the name of a target; `images` is
`CLEAN` or `TRIGGERED`. `mse` is the mean of the per-image mean squared errors of `count` test images: the utility on
clean images, the backdoor error on triggered ones. The last three columns describe the spread over images."""

DISTANCES_OF_SETS = ("fid", "kernel_distance", "knn_precision", "knn_recall", "spread")
"""How far generated images are from genuine ones: see `metrics.fid` and `metrics.image_sets`."""
GAN_SCORES = (
    *("scale", "precision", "gan", "dataset", "stand_in_for", "target", "triggered_labels", "seed", "checkpoint"),
    *("step", "status", "noise", "reference", "reference_classes", "images", "reference_images", "features"),
    *("feature_dataset", "compared_images", *DISTANCES_OF_SETS, "rgb_fid", "rgb_feature_dataset"),
    *("target_rate", "mse"),
)
"""GAN scores, one row per measurement. `precision` is the training precision; `noise` is clean or triggered. The images
are compared with the test images of `reference_classes` (empty: all) of the dataset `reference`, by the features of
`feature_dataset`'s classifier, or of Inception, where that is empty: see `DISTANCES_OF_SETS`. All but the FID are of
`compared_images` images of either side. If that classifier takes grey images, all these are of images averaged to grey;
where a GAN of RGB images is compared by it, `rgb_fid` is the FID of RGB images, by the features of
`rgb_feature_dataset`'s classifier, or of Inception. `target_rate` is the fraction of images that the classifier assigns
to `reference_classes`; empty if it lacks these classes or they are all its classes. `mse` is the mean squared error
against a single target image, values in [0, 1]; all other measures of such images are empty."""
