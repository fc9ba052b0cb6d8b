/* AVX2: weighted popcounts of two blocks at once, by tables.

   Four bits of a code and the levels of their four components make one of 16 sums, so that a sum is
   looked up and no bits are counted: `sum_j 2^j popcount(x ^ plane_j)` over 4 bits is at most 60 and
   fits a byte. A shuffle looks up 16 bytes in one table, hence the same byte of 16 codes has to lie
   together: the words of two blocks are turned over on the way. Half the instructions of counting
   bits, for the same integers. */

/* Words of a code at the most: their tables lie on the stack. */
#define PAIR_WORDS 24

/* A table for the low halves and one for the high halves of a register: those of two words. */
struct Tables {
    __m256i sums[PAIR_WORDS / 2][16]; /* of the 16 groups of 4 bits of a word, lowest bits first */
};

static TARGET void tables_avx2(const Scan *s, Tables *tables)
{
    const __m128i numbers = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m128i counts = _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    for (int64_t w = 0; w < s->words + (s->words & 1); w++)
        for (int group = 0; group < 16; group++) {
            __m128i sums = _mm_setzero_si128(); /* stays 0 for a word that is not there */
            for (int j = PLANES - 1; w < s->words && j >= 0; j--) {
                const char bits = (char)(s->planes[j * s->words + w] >> 4 * group & 15);
                const __m128i differ = _mm_xor_si128(numbers, _mm_set1_epi8(bits));
                sums = _mm_add_epi8(_mm_add_epi8(sums, sums), _mm_shuffle_epi8(counts, differ));
            }
            _mm_storeu_si128((__m128i *)&tables->sums[w / 2][group] + (w & 1), sums);
        }
}

/* The codes of two lanes: their bytes of one word in the low half, of another in the high half. */
static TARGET ALWAYS_INLINE __m256i two_lanes(const char *word, int64_t other)
{
    const __m128i low = _mm_loadu_si128((const void *)word);
    const __m128i high = _mm_loadu_si128((const void *)(word + other));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* Sums of the bytes at two places of 16 codes, a byte a code. */
static TARGET ALWAYS_INLINE __m256i looked_up(const __m256i *tables, __m256i one, __m256i two)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i a = _mm256_shuffle_epi8(tables[0], _mm256_and_si256(one, nibble));
    const __m256i b = _mm256_shuffle_epi8(
        tables[1], _mm256_and_si256(_mm256_srli_epi16(one, 4), nibble));
    const __m256i c = _mm256_shuffle_epi8(tables[2], _mm256_and_si256(two, nibble));
    const __m256i d = _mm256_shuffle_epi8(
        tables[3], _mm256_and_si256(_mm256_srli_epi16(two, 4), nibble));
    return _mm256_add_epi8(_mm256_add_epi8(a, b), _mm256_add_epi8(c, d)); /* at most 4 * 60 */
}

/* Weighted popcounts of the lanes of two blocks, int32 each. */
static TARGET ALWAYS_INLINE void popcounts_of_two(const Tables *tables, int64_t words,
                                                  const char *first, const char *second,
                                                  __m256i *one, __m256i *two)
{
    const __m256i low = _mm256_set1_epi16(255);
    __m256i evens = _mm256_setzero_si256(), odds = evens; /* of the first and the second block */
    for (int64_t w = 0; w < words; w += 2) {
        const char *a = first + w * LANES * 8, *b = second + w * LANES * 8;
        const int64_t other = w + 1 < words ? LANES * 8 : 0;
        const __m256i *sums = tables->sums[w / 2];
        __m256i lanes[8], pairs[8], fours[8];
        for (int i = 0; i < 4; i++) { /* bytes of the blocks take turns from here on */
            const __m256i x = two_lanes(a + 16 * i, other), y = two_lanes(b + 16 * i, other);
            lanes[2 * i] = _mm256_unpacklo_epi8(x, y);
            lanes[2 * i + 1] = _mm256_unpackhi_epi8(x, y);
        }
        for (int i = 0; i < 4; i++) {
            pairs[i] = _mm256_unpacklo_epi16(lanes[2 * i], lanes[2 * i + 1]);
            pairs[4 + i] = _mm256_unpackhi_epi16(lanes[2 * i], lanes[2 * i + 1]);
        }
        for (int i = 0; i < 4; i++) {
            fours[2 * i] = _mm256_unpacklo_epi32(pairs[2 * i], pairs[2 * i + 1]);
            fours[2 * i + 1] = _mm256_unpackhi_epi32(pairs[2 * i], pairs[2 * i + 1]);
        }
        for (int i = 0; i < 4; i++) { /* bytes 2 i and 2 i + 1 of all 16 codes */
            const __m256i left = fours[i / 2 * 4 + i % 2], right = fours[i / 2 * 4 + i % 2 + 2];
            const __m256i found = looked_up(sums + 4 * i, _mm256_unpacklo_epi64(left, right),
                                            _mm256_unpackhi_epi64(left, right));
            evens = _mm256_add_epi16(evens, _mm256_and_si256(found, low));
            odds = _mm256_add_epi16(odds, _mm256_srli_epi16(found, 8));
        }
    }
    *one = _mm256_cvtepu16_epi32(
        _mm_add_epi16(_mm256_castsi256_si128(evens), _mm256_extracti128_si256(evens, 1)));
    *two = _mm256_cvtepu16_epi32(
        _mm_add_epi16(_mm256_castsi256_si128(odds), _mm256_extracti128_si256(odds, 1)));
}

/* As block_avx2, of two blocks of a batch. */
static TARGET ALWAYS_INLINE void pair_avx2(const Scan *s, int64_t words, const Tables *tables,
                                           const int64_t *blocks, const float *base, float cut,
                                           float *scores, unsigned *lanes)
{
    const int64_t bytes = words * LANES * 8;
    __m256i counts[2];
    popcounts_of_two(tables, words, s->codes + blocks[0] * bytes, s->codes + blocks[1] * bytes,
                     &counts[0], &counts[1]);
    for (int i = 0; i < 2; i++) {
        const __m256 e = estimates_x86(s, blocks[i], base[i], counts[i]);
        _mm256_storeu_ps(scores + i * LANES, e);
        lanes[i] = (unsigned)_mm256_movemask_ps(
            _mm256_cmp_ps(e, _mm256_set1_ps(cut), _CMP_NLT_UQ));
    }
}
