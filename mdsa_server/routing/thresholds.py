"""From which confidence on a router is right as often as it should be."""

from collections.abc import Sequence

import numpy as np

from mdsa_server.vocabulary.routing import Prediction

# With fewer, one that is wrong by chance would move the threshold by several points.
LEAST_PREDICTIONS = 20
# So many predictions' worth of belief is given to the confidences themselves: what a few predictions came to is as much
# chance as it is the router's doing, and with thousands this counts for nothing.
BELIEVED = 20


def threshold_for(predictions: Sequence[Prediction], target: float) -> float | None:
    """Give the lowest confidence such that a share of `target` of all predictions from there on are right.

    That share is counted, and shrunk towards the mean of their confidences, as if BELIEVED more had come out just so.
    None where there are too few predictions to tell. Where even the surest are wrong too often, the threshold is
    above what any of them reached, at most 1.
    """
    if len(predictions) < LEAST_PREDICTIONS:
        return None
    confidences = np.array([prediction.confidence for prediction in predictions])
    right = np.array([prediction.right for prediction in predictions])
    order = np.argsort(-confidences, kind="stable")
    confidences, right = confidences[order], right[order]
    chosen = np.arange(1, len(right) + 1)
    promised = np.cumsum(confidences) / chosen
    precision = (np.cumsum(right) + BELIEVED * promised) / (chosen + BELIEVED)
    # Of equal confidences all are chosen or none, so only the last of them tells the precision there.
    last = np.append(confidences[1:] < confidences[:-1], True)
    enough = np.flatnonzero((precision >= target) & last)
    if len(enough) == 0:
        return float(min(1.0, confidences[0] + (1.0 - confidences[0]) / 2))
    return float(confidences[enough[-1]])
