"""The classifier: which intent is wanted, so which domain, and whether any fits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mdsa_server.plugin_api import Prediction

from .intents import Places, sort_into_intents
from .letters import Floats, letters_of_all

# How much letters count beside meaning: at 0.5 of clinc150's validation part 97.6 % were right at 20 examples an
# intent, at 0 97.1; more does not help.
LETTERS_WEIGHT = 0.5
# The inverse of the classifier's regularisation; from 10 to 100 little changes.
INVERSE_REGULARISATION = 30.0
# At which the fit stops; a tenth of it takes three times as long for a tenth of a point.
TOLERANCE = 3e-4
# Among the examples of this many of the likeliest intents are the nearest ones sought.
INTENTS_SEARCHED = 10
NEAREST = 5
SHARPNESS = 5.0


@dataclass(frozen=True)
class Sample:
    """Examples, each as the classifier sees it."""

    vectors: Floats
    """Unit length, shape (examples, dimensions)."""
    features: Floats
    """Meaning and letters side by side, shape (examples, dimensions + BUCKETS)."""
    domains: Places
    """Each one's domain, as a place."""
    intents: tuple[str | None, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str], vectors: Floats, domains: Places, intents: Sequence[str | None]) -> Sample:
        return cls(vectors, features_of(vectors, letters_of_all(texts)), domains, tuple(intents), tuple(texts))

    def only(self, rows: Places) -> Sample:
        intents, texts = tuple(self.intents[row] for row in rows), tuple(self.texts[row] for row in rows)
        return Sample(self.vectors[rows], self.features[rows], self.domains[rows], intents, texts)


@dataclass(frozen=True)
class Classifier:
    """A linear one of the intents, with the examples it was taught."""

    weights: Floats
    """Shape (known intents, features)."""
    biases: Floats
    owners: Places
    """The domain of each known intent."""
    examples: Floats
    """Vectors, those of one intent side by side; shape (examples, dimensions)."""
    rows: Places
    """For each of those, its place among what was taught."""
    starts: Places
    """Where each known intent's examples begin in `examples`, and where the last one's end."""

    def logits(self, features: Floats) -> Floats:
        """Shape (messages, known intents), of features of shape (messages, features)."""
        logits: Floats = features @ self.weights.T + self.biases
        return logits

    def nearest(self, vector: Floats, logits: Floats) -> list[tuple[int, float]]:
        """Give the places of the NEAREST examples, as they were taught, with their cosine, nearest first.

        Only the likeliest intents are searched: a fifteenth of clinc150, in a fifteenth of the time, and the nearest
        are hardly ever elsewhere.
        """
        parts = [np.arange(self.starts[intent], self.starts[intent + 1]) for intent in likeliest(logits)]
        places = np.concatenate(parts)
        cosines = self.examples[places] @ vector
        order = np.argsort(-cosines, kind="stable")[:NEAREST]
        return [(int(self.rows[places[place]]), float(cosines[place])) for place in order]


def signs_of_scope(logits: Floats, owners: Places, nearest: Sequence[tuple[int, float]]) -> Floats:
    """Give what tells whether any domain fits, shape (2,): the likeliest domain's logit, and how like examples are.

    A domain's logit is that of all its intents together, so that what lies between two of them counts as its own: with
    the likeliest intent's alone, 4 % more of clinc150's messages out of scope passed at 20 examples a domain. How like
    they are is the mean of the nearest ones' cosines as exp(SHARPNESS x cosine), so that the one that fits counts.
    """
    cosines = np.array([cosine for _, cosine in nearest])
    top = logits.max()
    domains = np.bincount(owners, np.exp(logits - top))
    return np.array([top + np.log(domains.max()), np.log(np.exp(SHARPNESS * cosines).mean()) / SHARPNESS], np.float32)


def likeliest(logits: Floats) -> Places:
    """Give the places of the intents among whose examples the nearest are sought."""
    order = np.argsort(-logits)[:INTENTS_SEARCHED]
    return order[np.isfinite(logits[order])]


class Verdict(NamedTuple):
    domains: Floats
    """Each domain's probability; shape (domains,). What is missing to 1 is `out_of_scope`."""
    out_of_scope: float
    nearest: Sequence[tuple[int, float]]
    """The nearest examples as places in the sample, with their cosine."""


@dataclass(frozen=True)
class Scale:
    """How the classifier's numbers become probabilities; learnt in `measuring.py`."""

    temperature: float
    usual: Floats
    """The mean of each sign of scope where a domain fits; shape (2,)."""
    spread: Floats
    """Their standard deviations."""
    slope: float
    """Of the log odds that a domain fits, over the sum of the signs in standard deviations from the usual."""
    offset: float

    def scores(self, signs: Floats) -> Floats:
        """Add the signs up, in standard deviations from the usual; shape (messages,) of (messages, 2)."""
        scores: Floats = ((signs - self.usual) / self.spread).sum(1)
        return scores

    def fits(self, signs: Floats) -> Floats:
        """Give the probability that a domain fits; shape (messages,) of (messages, 2)."""
        odds = np.clip(self.slope * self.scores(signs) + self.offset, -30, 30)
        chances: Floats = 1.0 / (1.0 + np.exp(-odds))
        return chances


@dataclass(frozen=True)
class Judge:
    """The classifier with its scale."""

    classifier: Classifier
    scale: Scale
    domains: int

    def judge(self, vector: Floats, letters: Floats) -> Verdict:
        """Judge one message; `vector` has unit length."""
        logits = self.classifier.logits(np.concatenate([vector, LETTERS_WEIGHT * letters])[None])[0]
        found = self.classifier.nearest(vector, logits)
        fits = float(self.scale.fits(signs_of_scope(logits, self.classifier.owners, found)[None])[0])
        shares = probabilities(logits[None], self.classifier.owners, self.domains, self.scale.temperature)[0]
        return Verdict(shares * fits, 1.0 - fits, found)


def features_of(vectors: Floats, letters: Floats) -> Floats:
    return np.hstack([vectors, LETTERS_WEIGHT * letters]).astype(np.float32, copy=False)


def probabilities(logits: Floats, owners: Places, domains: int, temperature: float) -> Floats:
    """Add the intents' shares up to the domains', shape (messages, domains), each row's sum 1.

    The temperature comes after: shares that are sharpened before they are added let the likeliest intent decide for
    its domain, which at 20 examples a domain costs a point of accuracy.
    """
    shares = np.exp(logits - logits.max(1, keepdims=True))
    belongs = np.zeros((len(owners), domains), np.float32)
    belongs[np.arange(len(owners)), owners] = 1.0
    added = shares @ belongs
    sharpened = (added / added.max(1, keepdims=True)) ** (1.0 / temperature)
    normal: Floats = sharpened / sharpened.sum(1, keepdims=True)
    return normal


def teach(sample: Sample) -> Classifier:
    """Sort the examples into intents, and fit multinomial logistic regression of the intents on the features."""
    intents, owners = sort_into_intents(sample.vectors, sample.domains, sample.intents)
    order = np.argsort(intents, kind="stable")
    if len(owners) == 1:
        weights, biases = np.zeros((1, sample.features.shape[1])), np.zeros(1)
    else:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=200, tol=TOLERANCE)
        with warnings.catch_warnings():
            # Where each example is an intent of its own, the library asks whether this is no regression; it is not.
            warnings.simplefilter("ignore", UserWarning)
            fitted = model.fit(sample.features, intents)
        weights, biases = fitted.coef_, fitted.intercept_
        if len(owners) == 2:  # Of two, the library keeps the second's advantage alone.
            weights, biases = np.vstack([-weights, weights]) / 2, np.array([-biases[0], biases[0]]) / 2
    return Classifier(
        weights=weights.astype(np.float32),
        biases=biases.astype(np.float32),
        owners=owners,
        examples=sample.vectors[order],
        rows=order,
        starts=np.searchsorted(intents[order], np.arange(len(owners) + 1)),
    )


def learn(sample: Sample, domains: int) -> tuple[Judge, tuple[Prediction, ...]]:
    """Learn a sample of at least one example; give the judge, and what was predicted while measuring."""
    from threadpoolctl import threadpool_limits

    from .measuring import measure

    # One thread: on busy cores several wait for each other far longer than one takes.
    with threadpool_limits(1):
        scale, predictions = measure(sample, domains)
        return Judge(teach(sample), scale, domains), predictions
