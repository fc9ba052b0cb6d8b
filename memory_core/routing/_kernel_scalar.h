/* The path in plain C: for processors without one of their own, and the measure of the others. */

#define TARGET
#define PATH_NAME "scalar"
#define UNROLLS 1
#define PATH(name) name##_scalar

static int supported_scalar(void) { return 1; }

/* Words whose bytes hold their weighted counts: 10 words of at most 8 + 2 * 8 bits each. */
#define CHUNK 10

/* Bits set in each byte. */
static ALWAYS_INLINE uint64_t bits_of_bytes(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    return (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
}

/* Sum of the bytes. */
static ALWAYS_INLINE uint32_t sum_of_bytes(uint64_t x)
{
    x = (x & 0x00ff00ff00ff00ffu) + (x >> 8 & 0x00ff00ff00ff00ffu);
    return (uint32_t)(x * 0x0001000100010001u >> 48);
}

static ALWAYS_INLINE void popcounts_scalar(const Scan *s, int64_t words, const char *code,
                                           uint32_t *sums)
{
    memset(sums, 0, LANES * sizeof *sums);
    for (int64_t from = 0; from < words; from += CHUNK) {
        const int64_t to = from + CHUNK < words ? from + CHUNK : words;
        uint64_t low[LANES] = {0}, high[LANES] = {0};
        for (int64_t w = from; w < to; w++) {
            const uint64_t *p = s->planes + w;
            for (int lane = 0; lane < LANES; lane++) {
                const uint64_t x = u64_at(code, w * LANES + lane);
                low[lane] += bits_of_bytes(x ^ p[0]) + 2 * bits_of_bytes(x ^ p[words]);
                high[lane] += bits_of_bytes(x ^ p[2 * words]) +
                              2 * bits_of_bytes(x ^ p[3 * words]);
            }
        }
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] += sum_of_bytes(low[lane]) + 4 * sum_of_bytes(high[lane]);
    }
}

static ALWAYS_INLINE unsigned above_scalar(const char *scores, float cut)
{
    unsigned lanes = 0;
    for (int lane = 0; lane < LANES; lane++)
        lanes |= (unsigned)!(f32_at(scores, lane) <= cut) << lane;
    return lanes;
}

static ALWAYS_INLINE unsigned block_scalar(const Scan *s, int64_t words, int64_t b, float base,
                                           float cut, float *scores)
{
    uint32_t sums[LANES];
    popcounts_scalar(s, words, s->codes + b * words * LANES * (int64_t)sizeof(uint64_t), sums);
    for (int lane = 0; lane < LANES; lane++) {
        float factor = (float)u16_at(s->factors, b * LANES + lane) * s->gain;
        float score = (float)(int32_t)sums[lane] * -2.0f + s->full;
        scores[lane] = score * factor + base;
    }
    if (s->norms)
        for (int lane = 0; lane < LANES; lane++)
            scores[lane] *= f32_at(s->norms, b * LANES + lane);
    unsigned lanes = 0;
    for (int lane = 0; lane < LANES; lane++)
        lanes |= (unsigned)!(scores[lane] < cut) << lane;
    return lanes;
}

static ALWAYS_INLINE int32_t coarse_scalar(const int8_t *row, const int16_t *query, int64_t dim)
{
    uint32_t total = 0; /* wraps as int32 does in numpy */
    for (int64_t i = 0; i < dim; i++)
        total += (uint32_t)(row[i] * query[i]);
    return (int32_t)total;
}

/* A finite float16 as float32: its bits, moved, are 2^112 too small (the exponents' biases). */
static ALWAYS_INLINE float widened_scalar(uint16_t half)
{
    const uint32_t bits = (uint32_t)(half & 0x8000) << 16 | (uint32_t)(half & 0x7fff) << 13;
    return f32_at(&bits, 0) * 0x1p112f;
}

/* Sums of every 64th product, then folded in halves: see sums.py. */
#define DOT(name, value)                                                                    \
    static ALWAYS_INLINE float name(const char *row, const float *query, int64_t dim)       \
    {                                                                                       \
        float sums[GROUP];                                                                  \
        for (int i = 0; i < GROUP; i++)                                                     \
            sums[i] = value(row, i) * query[i];                                             \
        for (int64_t from = GROUP; from < dim; from += GROUP)                               \
            for (int i = 0; i < GROUP; i++)                                                 \
                sums[i] += value(row, from + i) * query[from + i];                          \
        for (int half = GROUP / 2; half; half /= 2)                                         \
            for (int i = 0; i < half; i++)                                                  \
                sums[i] += sums[half + i];                                                  \
        return sums[0];                                                                     \
    }
#define HALF_AT(row, i) widened_scalar(u16_at(row, i))
#define INT8_AT(row, i) (float)((const int8_t *)(row))[i]
DOT(dot_f32_scalar, f32_at)
DOT(dot_f16_scalar, HALF_AT)
DOT(dot_i8_scalar, INT8_AT)
#undef DOT
#undef HALF_AT
#undef INT8_AT

/* Four rows of out = a @ b at 8 columns: each component the sum of its products in order. */
static ALWAYS_INLINE void tile_scalar(const float *a, const float *b, int64_t inner,
                                       int64_t width, float *out)
{
    float sums[4][8];
    for (int row = 0; row < 4; row++)
        for (int k = 0; k < 8; k++)
            sums[row][k] = a[row * inner] * b[k];
    for (int64_t i = 1; i < inner; i++)
        for (int row = 0; row < 4; row++)
            for (int k = 0; k < 8; k++)
                sums[row][k] += a[row * inner + i] * b[i * width + k];
    for (int row = 0; row < 4; row++)
        memcpy(out + row * width, sums[row], sizeof sums[row]);
}

#include "_kernel_steps.h"

#undef TARGET
#undef PATH_NAME
#undef UNROLLS
#undef PATH
