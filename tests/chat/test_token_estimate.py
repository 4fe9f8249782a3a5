"""What is estimated before anything is counted: never less than the tokenizers that were measured make of it."""

import time

import pytest

from mdsa_server.chat.token_estimate import NOTHING, UNBROKEN_RATE, size_of, tokens_of
from mdsa_server.chat.token_rates import LEAST, first_estimate

ENGLISH = "The pump must be oiled every week, and its valve closed before anyone opens the lid of the tank. "
# The most and the least tokens that any of the tokenizers of chat/DESIGN.md makes of each.
COUNTED = {
    ENGLISH * 10: (231, 211),
    "Die Pumpe muss jede Woche geölt und ihr Ventil geschlossen werden, bevor jemand den Behälter öffnet.": (42, 22),
    "La pompe doit être huilée chaque semaine et sa vanne fermée avant que quiconque n'ouvre le réservoir.": (38, 26),
    "Pompę należy smarować co tydzień, a jej zawór zamykać, zanim ktokolwiek otworzy zbiornik.": (48, 30),
    "Máy bơm phải được tra dầu mỗi tuần và van của nó phải được đóng lại trước khi mở nắp bể.": (78, 23),
    "Насос нужно смазывать каждую неделю, а его клапан закрывать, прежде чем кто-либо откроет бак.": (73, 26),
    "Η αντλία πρέπει να λαδώνεται κάθε εβδομάδα και η βαλβίδα της να κλείνει πριν ανοίξει η δεξαμενή.": (97, 37),
    "يجب تزييت المضخة كل أسبوع وإغلاق صمامها قبل أن يفتح أي شخص غطاء الخزان.": (77, 25),
    "पंप में हर हफ्ते तेल डालना चाहिए और टंकी का ढक्कन खोलने से पहले उसका वाल्व बंद करना चाहिए।": (101, 25),
    "ポンプには毎週油を差し、タンクの蓋を開ける前にバルブを閉めなければなりません。": (69, 21),
    "泵必须每周上油，在任何人打开水箱盖之前必须关闭阀门。": (49, 16),
    "펌프는 매주 기름칠을 해야 하고 누군가 탱크 뚜껑을 열기 전에 밸브를 닫아야 합니다.": (99, 30),
    "12.5 | 1013.25 | 0.0031 | 77 | 8.314\n3.14 | 999.97 | 0.0178 | 42 | 6.022": (65, 46),
    "1024,2048,77123,5\n31337,8080,443,22": (36, 20),
    "2026-11-28T23:04:14.218Z INFO 10.0.0.7 GET /api/turns/5f3a9c1e 200 31ms": (58, 44),
    "0b203c464bb32a27e8621a5cfcfae0f86753a7d8881006de7d64090ad5785214": (60, 37),
    "hlVEf3eTt4ajRhV+vLQ9PyZz+J6AcLPnl1v9Y/98hRtQ/DTLyKlnhwD9SVIV1SEnJPwZmsFeLWCRUqRS3dZCTg==": (70, 62),
    '{"id":7,"name":"pump7","pressure":31.07,"open":true},{"id":8,"name":"tank8","pressure":8.5,"open":false}': (
        46,
        39,
    ),
    "def opened(self, valve: Valve) -> bool:\n    return self._valves[valve.id].state != State.CLOSED\n": (34, 27),
    "`x >= 5` and `y <= 3`; f(x) = 2*x**2 - {7/3} + [a, b]": (37, 34),
}


@pytest.mark.parametrize("text", COUNTED)
def test_no_kind_of_text_is_estimated_below_what_any_tokenizer_makes_of_it(text: str) -> None:
    most, _ = COUNTED[text]
    assert first_estimate(text) >= most


@pytest.mark.parametrize("text", COUNTED)
def test_none_is_estimated_so_high_that_the_least_of_counts_would_not_be_believed(text: str) -> None:
    _, least = COUNTED[text]
    assert tokens_of(text).times(LEAST).total <= least


def test_english_is_not_estimated_at_much_more_than_it_is() -> None:
    most, _ = COUNTED[ENGLISH * 10]
    assert first_estimate(ENGLISH * 10) <= 1.15 * most


def test_nothing_is_no_tokens() -> None:
    assert tokens_of("") == NOTHING
    assert first_estimate("") == 0


def test_letters_without_an_end_are_hardly_joined() -> None:
    assert tokens_of("k" * 1000).total == UNBROKEN_RATE * 1000


def test_bytes_are_counted_as_they_are_sent() -> None:
    assert (size_of("abc"), size_of("ä"), size_of("\ud800")) == (3, 2, 1)


def test_it_takes_no_longer_the_more_there_is_before() -> None:
    def seconds(times: int) -> float:
        began = time.perf_counter()
        tokens_of(ENGLISH * times)
        return time.perf_counter() - began

    assert min(seconds(20_000) for _ in range(3)) < 100 * min(seconds(2_000) for _ in range(3))
