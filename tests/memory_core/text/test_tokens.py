import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.text.tokens import TokenCounter, estimate

# Written for this test; the number is the larger of the o200k_base and cl100k_base counts.
SAMPLES = {
    "english": (
        "Caroline moved to Boston in March and started at the clinic two weeks later. She still "
        "wants to visit her sister in Lisbon before the summer, if the flights are not too dear.",
        37,
    ),
    "german": (
        "Die Wohnung in der Schillerstraße haben wir letzten Herbst gekündigt, weil die "
        "Nebenkostenabrechnung schon wieder falsch war. Jetzt suchen wir etwas Ruhigeres am "
        "Stadtrand.",
        45,
    ),
    "french": (
        "Nous avons réservé une petite maison près d'Avignon pour la deuxième quinzaine d'août. "
        "Mon frère nous rejoindra dès qu'il aura terminé son déménagement.",
        43,
    ),
    "spanish": (
        "Mi abuela cumple noventa años el próximo domingo y toda la familia viajará a Valencia. "
        "Todavía no sé si podré pedir vacaciones, pero lo intentaré mañana mismo.",
        42,
    ),
    "russian": (
        "Вчера мы наконец закончили ремонт на кухне, и теперь вся мебель стоит на своих местах. "
        "Осталось только повесить шторы и купить новую лампу.",
        67,
    ),
    "chinese": (
        "我上个月换了工作，现在在一家做医疗设备的公司负责软件测试。每天坐地铁大概四十分钟，"
        "周末偶尔去学游泳。",
        58,
    ),
    "japanese": (
        "来週の水曜日に京都へ出張するので、会議の資料を月曜日までに準備しておいてください。"
        "ホテルは駅の近くがいいです。",
        62,
    ),
    "korean": (
        "지난주에 이사한 뒤로 아직 짐을 다 풀지 못했어요. "
        "주말에 동생이 와서 책장을 조립해 주기로 했습니다.",
        58,
    ),
    "arabic": ("انتقلت أختي إلى القاهرة في العام الماضي وهي تعمل الآن مهندسة في شركة كبيرة.", 52),
    "hindi": ("मेरी बहन पिछले साल दिल्ली चली गई और अब एक बड़ी कंपनी में काम करती है।", 68),
    "code": (
        "def merge(left: list[int], right: list[int]) -> list[int]:\n    merged = []\n"
        "    while left and right:\n        source = left if left[0] <= right[0] else right\n"
        "        merged.append(source.pop(0))\n    return merged + left + right\n",
        59,
    ),
    "json": (
        '{"id": "k3f9", "kind": "note", "tags": ["travel", "family"], "pinned": false, '
        '"created_at": "2026-11-03T14:05:00Z", "score": 0.8731, "parent": null}',
        63,
    ),
    "url": (
        "https://docs.example.org/en/latest/guide/install.html?utm_source=mail&id=83920#linux",
        22,
    ),
    "base64": ("q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4lXb2xmZ2FuZyBBbWFkZXVz/+8rTz9==", 54),
    "hex": ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 43),
    "emoji": ("Great news 🎉🎉 we got the flat! 🏡❤️ Party on Friday 👩🏽‍🍳🍕", 35),
    "numbers": ("12, 4096, 3.14159, 2026-11-03, 1,204,993.50, 0x1F, 007, 192.168.10.254, 55%", 50),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_estimate_is_close_to_the_real_count_and_not_below_it(name: str) -> None:
    text, real = SAMPLES[name]
    assert real <= estimate(text) <= 1.5 * real


def test_estimate_of_a_long_mixed_text_is_within_a_third() -> None:
    text = "\n\n".join(text for text, _ in SAMPLES.values()) * 20
    real = 20 * sum(real + 1 for _, real in SAMPLES.values())
    assert real <= estimate(text) <= 1.33 * real


@given(st.text())
def test_estimate_is_zero_only_for_the_empty_text(text: str) -> None:
    assert (estimate(text) == 0) == (text == "")
    assert estimate(text) >= 0


@given(st.text(), st.text())
def test_estimate_never_falls_when_text_is_appended(text: str, more: str) -> None:
    assert estimate(text + more) >= estimate(text)


@given(st.text(st.characters(min_codepoint=0x3041, max_codepoint=0x30FA), min_size=200))
def test_two_hundred_kana_are_at_least_a_hundred_tokens(text: str) -> None:
    assert estimate(text) >= 100


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=200))
def test_two_hundred_chinese_characters_are_at_least_a_hundred_tokens(text: str) -> None:
    assert estimate(text) >= 100


@given(st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=200))
def test_two_hundred_hangul_are_at_least_a_hundred_tokens(text: str) -> None:
    assert estimate(text) >= 100


@given(st.text(min_size=1), st.integers(1, 200))
def test_repeating_a_text_costs_in_proportion(text: str, times: int) -> None:
    once = estimate(text)
    assert estimate(text * times) <= times * (once + math.ceil(0.1 * once) + 9)


@pytest.mark.parametrize("character", ["a", " ", "\n", "=", "日", "😀", "\ud800", "\x00", "\u0301"])
def test_estimate_of_a_megabyte_of_one_character_ends(character: str) -> None:
    n = (1 << 20) // len(character.encode("utf-8", "surrogatepass"))
    assert n / 64 <= estimate(character * n) <= 1 << 21


def test_estimate_mode_is_never_exact() -> None:
    counter = TokenCounter.load("estimate")
    assert (counter.exact, counter.name, counter.settle()) == (False, "estimate", False)
    assert counter.count("a few words") == estimate("a few words")


def test_counter_uses_the_exact_count_it_is_given() -> None:
    counter = TokenCounter(exact=len)
    assert (counter.exact, counter.name, counter.count("four")) == (True, "o200k_base", 4)


def test_unknown_mode_is_refused_with_the_modes_that_exist() -> None:
    with pytest.raises(InvalidArgument, match="'auto', 'estimate' or 'tiktoken'"):
        TokenCounter.load("exact")
