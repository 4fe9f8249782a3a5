"""Statistics that might have been counted, for tests of what holds for all of them."""

from functools import reduce

from hypothesis import strategies as st

from mdsa_server.monitor.histogram import Histogram
from mdsa_server.monitor.statistics import DomainStatistics, Samples, Statistics

COUNTS = st.integers(0, 1_000)
# Whole numbers, of which sums are exact in any order.
AMOUNTS = st.integers(0, 1_000).map(float)

HISTOGRAMS = st.lists(AMOUNTS, max_size=5).map(
    lambda spans: reduce(Histogram.merged, map(Histogram.of, spans), Histogram())
)
SAMPLES = st.lists(AMOUNTS, max_size=5).map(lambda values: reduce(Samples.merged, map(Samples.of, values), Samples()))
DOMAINS = st.builds(
    DomainStatistics,
    turns=COUNTS,
    decided=COUNTS,
    confidence=AMOUNTS,
    abstained=COUNTS,
    answered=COUNTS,
    seconds=AMOUNTS,
)
STATISTICS = st.builds(
    Statistics,
    started=COUNTS,
    answered=COUNTS,
    failed=COUNTS,
    cancelled=COUNTS,
    answer_tokens=COUNTS,
    prompt_tokens=COUNTS,
    timed_tokens=COUNTS,
    generating=AMOUNTS,
    latency=HISTOGRAMS,
    first_token=HISTOGRAMS,
    loads=COUNTS,
    load_seconds=AMOUNTS,
    domains=st.dictionaries(st.sampled_from(["code", "general", "recipes"]), DOMAINS),
    routers=st.dictionaries(st.sampled_from(["keyword_router", "fallback"]), COUNTS),
    processor=SAMPLES,
    own_processor=SAMPLES,
    memory=SAMPLES,
    own_memory=SAMPLES,
)
