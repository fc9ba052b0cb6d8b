/* AVX2 and AVX-512, for compilers that can compile single functions for another instruction set. */

#include <immintrin.h>

/* Half of a lane's estimate that the two share: from 8 weighted popcounts, int32. */
#define TARGET __attribute__((target("avx2,f16c")))

static TARGET ALWAYS_INLINE __m256 estimates_x86(const Scan *s, int64_t b, float base,
                                                 __m256i popcounts)
{
    const __m128i packed = _mm_loadu_si128((const void *)(s->factors + b * 16));
    const __m256 factors = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(packed));
    __m256 scores = _mm256_mul_ps(_mm256_cvtepi32_ps(popcounts), _mm256_set1_ps(-2.0f));
    scores = _mm256_add_ps(scores, _mm256_set1_ps(s->full));
    scores = _mm256_mul_ps(scores, _mm256_mul_ps(factors, _mm256_set1_ps(s->gain)));
    scores = _mm256_add_ps(scores, _mm256_set1_ps(base));
    if (s->norms)
        scores = _mm256_mul_ps(scores, _mm256_loadu_ps((const float *)(s->norms + b * 32)));
    return scores;
}

/* 8 sums folded in halves to one. */
static TARGET ALWAYS_INLINE float folded_x86(__m256 sums)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

static TARGET ALWAYS_INLINE int32_t total_x86(__m256i sums)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    four = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 1)));
}

/* Four rows of a @ b at 8 columns. */
static TARGET ALWAYS_INLINE void tile_x86(const float *a, const float *b, int64_t inner,
                                          int64_t width, float *out)
{
    __m256 sums[4], right = _mm256_loadu_ps(b);
    for (int row = 0; row < 4; row++)
        sums[row] = _mm256_mul_ps(_mm256_set1_ps(a[row * inner]), right);
    for (int64_t i = 1; i < inner; i++) {
        right = _mm256_loadu_ps(b + i * width);
        for (int row = 0; row < 4; row++)
            sums[row] = _mm256_add_ps(
                sums[row], _mm256_mul_ps(_mm256_set1_ps(a[row * inner + i]), right));
    }
    for (int row = 0; row < 4; row++)
        _mm256_storeu_ps(out + row * width, sums[row]);
}

/* ------------------------------------------------------------------ AVX2 */

#define PATH_NAME "avx2"
#define UNROLLS 0
#define PAIRS 1
#define PATH(name) name##_avx2

static int supported_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
}

static TARGET ALWAYS_INLINE unsigned above_avx2(const char *scores, float cut)
{
    const __m256 eight = _mm256_loadu_ps((const float *)scores);
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(eight, _mm256_set1_ps(cut), _CMP_NLE_UQ));
}

/* Bits set in the bytes of x ^ plane, x given as the low and high nibbles of its bytes. */
#define COUNT(j)                                                                                 \
    _mm256_add_epi8(                                                                             \
        _mm256_shuffle_epi8(                                                                     \
            table, _mm256_xor_si256(lows, _mm256_set1_epi64x((int64_t)low[j * words]))),      \
        _mm256_shuffle_epi8(                                                                     \
            table, _mm256_xor_si256(highs, _mm256_set1_epi64x((int64_t)high[j * words]))))

/* Weighted popcounts of 4 lanes, uint64. */
static TARGET ALWAYS_INLINE __m256i popcounts_avx2(const Scan *s, int64_t words,
                                                  const char *code)
{
    const __m256i zero = _mm256_setzero_si256(), nibble = _mm256_set1_epi8(15);
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                           2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    __m256i sums = zero;
    for (int64_t from = 0; from < words; from += CHUNK) {
        const int64_t to = from + CHUNK < words ? from + CHUNK : words;
        __m256i c0 = zero, c1 = zero, c2 = zero, c3 = zero;
        for (int64_t w = from; w < to; w++) {
            const __m256i x = _mm256_loadu_si256((const void *)(code + w * LANES * 8));
            const __m256i lows = _mm256_and_si256(x, nibble);
            const __m256i highs = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
            const uint64_t *low = s->low + w, *high = s->high + w;
            c0 = _mm256_add_epi8(c0, COUNT(0));
            c1 = _mm256_add_epi8(c1, COUNT(1));
            c2 = _mm256_add_epi8(c2, COUNT(2));
            c3 = _mm256_add_epi8(c3, COUNT(3));
        }
        c0 = _mm256_sad_epu8(_mm256_add_epi8(c0, _mm256_add_epi8(c1, c1)), zero);
        c2 = _mm256_sad_epu8(_mm256_add_epi8(c2, _mm256_add_epi8(c3, c3)), zero);
        sums = _mm256_add_epi64(sums, _mm256_add_epi64(c0, _mm256_slli_epi64(c2, 2)));
    }
    return sums;
}
#undef COUNT

static TARGET ALWAYS_INLINE unsigned block_avx2(const Scan *s, int64_t words, int64_t b, float base,
                                                float cut, float *scores)
{
    const char *code = s->codes + b * words * LANES * 8;
    const __m256 a = _mm256_castsi256_ps(popcounts_avx2(s, words, code));
    const __m256 c = _mm256_castsi256_ps(popcounts_avx2(s, words, code + 32));
    const __m256i mixed = _mm256_castps_si256(_mm256_shuffle_ps(a, c, 0x88)); /* lanes 01452367 */
    const __m256 e = estimates_x86(s, b, base, _mm256_permute4x64_epi64(mixed, 0xd8));
    _mm256_storeu_ps(scores, e);
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(e, _mm256_set1_ps(cut), _CMP_NLT_UQ));
}

#include "_kernel_pairs.h"

#define tile_avx2 tile_x86
#define tile_avx512 tile_x86

static TARGET ALWAYS_INLINE int32_t coarse_avx2(const int8_t *row, const int16_t *query,
                                                int64_t dim)
{
    __m256i sums = _mm256_setzero_si256();
    for (int64_t i = 0; i < dim; i += 16) {
        const __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(row + i)));
        const __m256i q = _mm256_loadu_si256((const void *)(query + i));
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(x, q));
    }
    return total_x86(sums);
}

static TARGET ALWAYS_INLINE __m256 eight_f32(const char *row, int64_t i)
{
    return _mm256_loadu_ps((const float *)(row + 4 * i));
}

static TARGET ALWAYS_INLINE __m256 eight_f16(const char *row, int64_t i)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)(row + 2 * i)));
}

static TARGET ALWAYS_INLINE __m256 eight_i8(const char *row, int64_t i)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(row + i))));
}

#define DOT(name, eight)                                                                        \
    static TARGET ALWAYS_INLINE float name(const char *row, const float *query, int64_t dim)    \
    {                                                                                           \
        __m256 sums[8];                                                                         \
        for (int k = 0; k < 8; k++)                                                             \
            sums[k] = _mm256_mul_ps(eight(row, 8 * k), _mm256_loadu_ps(query + 8 * k));         \
        for (int64_t i = GROUP; i < dim; i += GROUP)                                            \
            for (int k = 0; k < 8; k++)                                                         \
                sums[k] = _mm256_add_ps(sums[k],                                                \
                                        _mm256_mul_ps(eight(row, i + 8 * k),                    \
                                                      _mm256_loadu_ps(query + i + 8 * k)));     \
        for (int half = 4; half; half /= 2)                                                     \
            for (int k = 0; k < half; k++)                                                      \
                sums[k] = _mm256_add_ps(sums[k], sums[half + k]);                               \
        return folded_x86(sums[0]);                                                             \
    }
DOT(dot_f32_avx2, eight_f32)
DOT(dot_f16_avx2, eight_f16)
DOT(dot_i8_avx2, eight_i8)
#undef DOT

#include "_kernel_steps.h"

#undef TARGET
#undef PATH_NAME
#undef UNROLLS
#undef PAIRS
#undef PATH

/* ------------------------------------------------------------------ AVX-512 */

#define TARGET \
    __attribute__((target("avx2,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")))
#define PATH_NAME "avx512"
#define UNROLLS 1
#define PATH(name) name##_avx512

/* Without a popcount for vectors (before Ice Lake and Zen 4) AVX2 is as good. */
static int supported_avx512(void)
{
    __builtin_cpu_init();
    return supported_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vpopcntdq");
}

static TARGET ALWAYS_INLINE unsigned above_avx512(const char *scores, float cut)
{
    const __m256 eight = _mm256_loadu_ps((const float *)scores);
    return _mm256_cmp_ps_mask(eight, _mm256_set1_ps(cut), _CMP_NLE_UQ);
}

#define COUNT(j) \
    _mm512_popcnt_epi64(_mm512_xor_si512(x, _mm512_set1_epi64((int64_t)p[j * words])))

static TARGET ALWAYS_INLINE unsigned block_avx512(const Scan *s, int64_t words, int64_t b,
                                                  float base, float cut, float *scores)
{
    const char *code = s->codes + b * words * LANES * 8;
    __m512i c0 = _mm512_setzero_si512(), c1 = c0, c2 = c0, c3 = c0;
    for (int64_t w = 0; w < words; w++) {
        const __m512i x = _mm512_loadu_si512(code + w * LANES * 8);
        const uint64_t *p = s->planes + w;
        c0 = _mm512_add_epi64(c0, COUNT(0));
        c1 = _mm512_add_epi64(c1, COUNT(1));
        c2 = _mm512_add_epi64(c2, COUNT(2));
        c3 = _mm512_add_epi64(c3, COUNT(3));
    }
    c0 = _mm512_add_epi64(c0, _mm512_slli_epi64(c1, 1));
    c2 = _mm512_add_epi64(c2, _mm512_slli_epi64(c3, 1));
    c0 = _mm512_add_epi64(c0, _mm512_slli_epi64(c2, 2));
    const __m256 e = estimates_x86(s, b, base, _mm512_cvtepi64_epi32(c0));
    _mm256_storeu_ps(scores, e);
    return _mm256_cmp_ps_mask(e, _mm256_set1_ps(cut), _CMP_NLT_UQ);
}
#undef COUNT

static TARGET ALWAYS_INLINE int32_t coarse_avx512(const int8_t *row, const int16_t *query,
                                                  int64_t dim)
{
    __m512i sums = _mm512_setzero_si512();
    for (int64_t i = 0; i < dim; i += 32) {
        const __m512i x = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)(row + i)));
        sums = _mm512_add_epi32(sums, _mm512_madd_epi16(x, _mm512_loadu_si512(query + i)));
    }
    return total_x86(
        _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1)));
}

static TARGET ALWAYS_INLINE __m512 sixteen_f32(const char *row, int64_t i)
{
    return _mm512_loadu_ps(row + 4 * i);
}

static TARGET ALWAYS_INLINE __m512 sixteen_f16(const char *row, int64_t i)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(row + 2 * i)));
}

static TARGET ALWAYS_INLINE __m512 sixteen_i8(const char *row, int64_t i)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(row + i))));
}

#define DOT(name, sixteen)                                                                      \
    static TARGET ALWAYS_INLINE float name(const char *row, const float *query, int64_t dim)    \
    {                                                                                           \
        __m512 sums[4];                                                                         \
        for (int k = 0; k < 4; k++)                                                             \
            sums[k] = _mm512_mul_ps(sixteen(row, 16 * k), _mm512_loadu_ps(query + 16 * k));     \
        for (int64_t i = GROUP; i < dim; i += GROUP)                                            \
            for (int k = 0; k < 4; k++)                                                         \
                sums[k] = _mm512_add_ps(sums[k],                                                \
                                        _mm512_mul_ps(sixteen(row, i + 16 * k),                 \
                                                      _mm512_loadu_ps(query + i + 16 * k)));    \
        for (int k = 0; k < 2; k++)                                                             \
            sums[k] = _mm512_add_ps(sums[k], sums[2 + k]);                                      \
        sums[0] = _mm512_add_ps(sums[0], sums[1]);                                              \
        return folded_x86(_mm256_add_ps(_mm512_castps512_ps256(sums[0]),                        \
                                        _mm512_extractf32x8_ps(sums[0], 1)));                   \
    }
DOT(dot_f32_avx512, sixteen_f32)
DOT(dot_f16_avx512, sixteen_f16)
DOT(dot_i8_avx512, sixteen_i8)
#undef DOT

#include "_kernel_steps.h"

#undef TARGET
#undef PATH_NAME
#undef UNROLLS
#undef PATH
