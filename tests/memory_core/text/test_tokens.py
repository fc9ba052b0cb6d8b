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
        "Nebenkostenabrechnung schon wieder falsch war. Jetzt suchen wir etwas Ruhigeres am Stadtrand.",
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
        "지난주에 이사한 뒤로 아직 짐을 다 풀지 못했어요. 주말에 동생이 와서 책장을 조립해 주기로 했습니다.",
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
    "url": ("https://docs.example.org/en/latest/guide/install.html?utm_source=mail&id=83920#linux", 22),
    "base64": ("q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4lXb2xmZ2FuZyBBbWFkZXVz/+8rTz9==", 54),
    "hex": ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 43),
    "emoji": ("Great news 🎉🎉 we got the flat! 🏡❤️ Party on Friday 👩🏽‍🍳🍕", 35),
    "numbers": ("12, 4096, 3.14159, 2026-11-03, 1,204,993.50, 0x1F, 007, 192.168.10.254, 55%", 50),
}
