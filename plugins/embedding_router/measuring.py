"""How right the classifier is on examples that it was not taught, and how sure it may therefore be.

Cross-validation tells the temperature by which its logits become probabilities (Guo et al., On Calibration of Modern
Neural Networks, 2017). What is out of scope nobody gives examples of. But an example that was held out, judged as if
its domain were not known, is a message for which no domain fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mdsa_server.plugin_api import Prediction

from .classifier import Classifier, Sample, Scale, probabilities, signs_of_scope, teach
from .intents import Places
from .letters import Floats

Held = NDArray[np.bool_]

# Of many examples half are kept from each classifier; of few a tenth, since they have none to spare and cost little.
FOLDS, FOLDED = (2, 10), 1000
TEMPERATURES = np.geomspace(0.15, 3.0, 40)
# Of so many messages one is taken to be out of scope: nobody says how many are, and it moves the odds.
ONE_OUT_OF = 10
# Where there is too little to measure: modest probabilities, and even odds at a cosine of 0.1.
UNMEASURED = Scale(0.4, np.array([0.0, 0.1], np.float32), np.array([1e9, 0.1], np.float32), 1.5, 0.0)
LEAST_EXAMPLES = 8


class Trial(NamedTuple):
    """What a classifier says of examples that it was not taught."""

    logits: Floats
    """Shape (examples, intents it knows)."""
    owners: Places
    """The domain of each of those intents."""
    signs: Floats
    """Of scope, shape (examples, 2)."""
    domains: Places
    """The domain of each example."""
    texts: Sequence[str]
    strange: bool
    """Judged as if their domains were not known."""


def measure(sample: Sample, domains: int) -> tuple[Scale, tuple[Prediction, ...]]:
    """Measure a classifier like the one that `sample` makes; give its scale, and what it predicted of the held out."""
    if len(sample.vectors) < LEAST_EXAMPLES:
        return UNMEASURED, ()
    classifiers = list(_held_out(sample))
    within = [_trial(sample, classifier, held) for classifier, held in classifiers]
    # Without its only domain a classifier knows nothing.
    of_several = [(classifier, held) for classifier, held in classifiers if len(np.unique(classifier.owners)) > 1]
    outside = [_trial(sample, classifier, held, strange=True) for classifier, held in of_several]
    signs = np.vstack([trial.signs for trial in within])
    usual, spread = signs.mean(0), signs.std(0) + 1e-3
    scale = Scale(_temperature(within, domains), usual, spread, UNMEASURED.slope, UNMEASURED.offset)
    if outside:
        strange = np.vstack([trial.signs for trial in outside])
        slope, offset = _odds(scale.scores(signs), scale.scores(strange))
        scale = replace(scale, slope=slope, offset=offset)
    return scale, (*_predictions(within, scale, domains), *_few(_predictions(outside, scale, domains), len(signs)))


def _held_out(sample: Sample) -> Iterator[tuple[Classifier, Held]]:
    """Teach half of the examples, or more where there are few, and give what was held out each time."""
    fewest, most = FOLDS
    number = min(max(fewest, FOLDED // len(sample.vectors)), most)
    # By their texts: when one example is added, the others are measured in the company in which they were before.
    folds = np.array([crc32(text.encode("utf-8", "surrogatepass")) for text in sample.texts]) % number
    if len(np.unique(folds)) == 1:  # Of the same words again and again some must be left to teach.
        folds = np.arange(len(folds)) % fewest
    for fold in np.unique(folds):
        yield teach(sample.only(np.flatnonzero(folds != fold))), folds == fold


def _trial(sample: Sample, classifier: Classifier, held: Held, *, strange: bool = False) -> Trial:
    """Try examples on a classifier; `strange` ones as if it did not know their domain."""
    logits = classifier.logits(sample.features[held])
    if strange:
        logits[sample.domains[held][:, None] == classifier.owners] = -np.inf
    nearest = [classifier.nearest(vector, row) for vector, row in zip(sample.vectors[held], logits, strict=True)]
    owners = classifier.owners
    signs = np.stack([signs_of_scope(row, owners, found) for row, found in zip(logits, nearest, strict=True)])
    texts = [sample.texts[row] for row in np.flatnonzero(held)]
    return Trial(logits, owners, signs, sample.domains[held], texts, strange)


def _temperature(trials: Sequence[Trial], domains: int) -> float:
    """Give the temperature at which the examples' own domains are likeliest."""

    def surprise(temperature: float) -> float:
        own = []
        for trial in trials:
            shares = probabilities(trial.logits, trial.owners, domains, temperature)
            own.append(shares[np.arange(len(shares)), trial.domains])
        return float(-np.log(np.clip(np.concatenate(own), 1e-6, 1.0)).mean())

    return float(min(TEMPERATURES, key=surprise))


def _odds(within: Floats, outside: Floats) -> tuple[float, float]:
    """Fit the log odds that a domain fits to the scores, as if one message in ONE_OUT_OF were out of scope."""
    from sklearn.linear_model import LogisticRegression

    scores = np.concatenate([within, outside])[:, None]
    fits = np.repeat([1, 0], [len(within), len(outside)])
    share = 1 / ONE_OUT_OF
    weights = np.where(fits == 1, (1 - share) / len(within), share / len(outside)) * len(fits)
    fitted = LogisticRegression().fit(scores, fits, sample_weight=weights)
    return max(float(fitted.coef_[0, 0]), 0.0), float(fitted.intercept_[0])


def _predictions(trials: Sequence[Trial], scale: Scale, domains: int) -> list[Prediction]:
    predictions = []
    for trial in trials:
        shares = probabilities(trial.logits, trial.owners, domains, scale.temperature)
        confidences, right = shares.max(1) * scale.fits(trial.signs), shares.argmax(1) == trial.domains
        predictions += [
            Prediction(float(sure), bool(so), text, not trial.strange)
            for sure, so, text in zip(confidences, right, trial.texts, strict=True)
        ]
    return predictions


def _few(outside: Sequence[Prediction], within: int) -> Sequence[Prediction]:
    """Take as many of those out of scope as there would be beside `within` messages that are not."""
    wanted = max(1, round(within / (ONE_OUT_OF - 1)))
    return outside[:: max(1, len(outside) // wanted)]
