/* NEON, which every 64-bit ARM processor has. */

#include <arm_neon.h>

#define TARGET
#define PATH_NAME "neon"
#define UNROLLS 0
#define PATH(name) name##_neon

static int supported_neon(void) { return 1; }

static ALWAYS_INLINE float32x4_t four_f32(const char *row, int64_t i)
{
    return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)row + 4 * i));
}

static ALWAYS_INLINE float32x4_t four_f16(const char *row, int64_t i)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *)row + 2 * i)));
}

static ALWAYS_INLINE float32x4_t four_i8(const char *row, int64_t i)
{
    const int8x8_t bytes = vreinterpret_s8_u32(vdup_n_u32(u32_at(row + i, 0)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))));
}

/* Bits of those of 8 lanes that are not marked. */
static ALWAYS_INLINE unsigned unmarked_neon(uint32x4_t first, uint32x4_t second)
{
    const uint16x8_t bits = {1, 2, 4, 8, 16, 32, 64, 128};
    return vaddvq_u16(vbicq_u16(bits, vcombine_u16(vmovn_u32(first), vmovn_u32(second))));
}

static ALWAYS_INLINE unsigned above_neon(const char *scores, float cut)
{
    const float32x4_t all = vdupq_n_f32(cut);
    return unmarked_neon(vcleq_f32(four_f32(scores, 0), all), vcleq_f32(four_f32(scores, 4), all));
}

#define COUNT(j) vcntq_u8(veorq_u8(x, vreinterpretq_u8_u64(vdupq_n_u64(p[j * words]))))

/* Weighted popcounts of 2 lanes, uint64. */
static ALWAYS_INLINE uint64x2_t popcounts_neon(const Scan *s, int64_t words,
                                                const char *code)
{
    uint64x2_t sums = vdupq_n_u64(0);
    for (int64_t from = 0; from < words; from += CHUNK) {
        const int64_t to = from + CHUNK < words ? from + CHUNK : words;
        uint8x16_t c0 = vdupq_n_u8(0), c1 = c0, c2 = c0, c3 = c0;
        for (int64_t w = from; w < to; w++) {
            const uint8x16_t x = vld1q_u8((const uint8_t *)code + w * LANES * 8);
            const uint64_t *p = s->planes + w;
            c0 = vaddq_u8(c0, COUNT(0));
            c1 = vaddq_u8(c1, COUNT(1));
            c2 = vaddq_u8(c2, COUNT(2));
            c3 = vaddq_u8(c3, COUNT(3));
        }
        const uint16x8_t low = vpaddlq_u8(vaddq_u8(c0, vaddq_u8(c1, c1)));
        const uint16x8_t high = vpaddlq_u8(vaddq_u8(c2, vaddq_u8(c3, c3)));
        sums = vpadalq_u32(sums, vpaddlq_u16(vaddq_u16(low, vshlq_n_u16(high, 2))));
    }
    return sums;
}
#undef COUNT

static ALWAYS_INLINE float32x4_t four_estimates(const Scan *s, int64_t words, int64_t lane,
                                                float base, const char *code)
{
    const uint32x4_t counts = vcombine_u32(vmovn_u64(popcounts_neon(s, words, code)),
                                           vmovn_u64(popcounts_neon(s, words, code + 16)));
    const uint16x4_t packed = vreinterpret_u16_u8(vld1_u8((const uint8_t *)s->factors + 2 * lane));
    const float32x4_t factors = vcvtq_f32_u32(vmovl_u16(packed));
    float32x4_t scores = vmulq_f32(vcvtq_f32_u32(counts), vdupq_n_f32(-2.0f));
    scores = vaddq_f32(scores, vdupq_n_f32(s->full));
    scores = vmulq_f32(scores, vmulq_f32(factors, vdupq_n_f32(s->gain)));
    scores = vaddq_f32(scores, vdupq_n_f32(base));
    return s->norms ? vmulq_f32(scores, four_f32(s->norms, lane)) : scores;
}

static ALWAYS_INLINE unsigned block_neon(const Scan *s, int64_t words, int64_t b, float base,
                                         float cut, float *scores)
{
    const char *code = s->codes + b * words * LANES * 8;
    const float32x4_t first = four_estimates(s, words, b * LANES, base, code);
    const float32x4_t second = four_estimates(s, words, b * LANES + 4, base, code + 32);
    vst1q_f32(scores, first);
    vst1q_f32(scores + 4, second);
    return unmarked_neon(vcltq_f32(first, vdupq_n_f32(cut)), vcltq_f32(second, vdupq_n_f32(cut)));
}

/* Four rows of a @ b at 8 columns. No fused multiply-add. */
static ALWAYS_INLINE void tile_neon(const float *a, const float *b, int64_t inner, int64_t width,
                                    float *out)
{
    float32x4_t first[4], second[4];
    for (int row = 0; row < 4; row++) {
        first[row] = vmulq_n_f32(vld1q_f32(b), a[row * inner]);
        second[row] = vmulq_n_f32(vld1q_f32(b + 4), a[row * inner]);
    }
    for (int64_t i = 1; i < inner; i++) {
        const float32x4_t low = vld1q_f32(b + i * width), high = vld1q_f32(b + i * width + 4);
        for (int row = 0; row < 4; row++) {
            first[row] = vaddq_f32(first[row], vmulq_n_f32(low, a[row * inner + i]));
            second[row] = vaddq_f32(second[row], vmulq_n_f32(high, a[row * inner + i]));
        }
    }
    for (int row = 0; row < 4; row++) {
        vst1q_f32(out + row * width, first[row]);
        vst1q_f32(out + row * width + 4, second[row]);
    }
}

static ALWAYS_INLINE int32_t coarse_neon(const int8_t *row, const int16_t *query, int64_t dim)
{
    int32x4_t sums = vdupq_n_s32(0);
    for (int64_t i = 0; i < dim; i += 8) {
        const int16x8_t x = vmovl_s8(vld1_s8(row + i)), q = vld1q_s16(query + i);
        sums = vmlal_s16(sums, vget_low_s16(x), vget_low_s16(q));
        sums = vmlal_s16(sums, vget_high_s16(x), vget_high_s16(q));
    }
    return vaddvq_s32(sums);
}

#define DOT(name, four)                                                                         \
    static ALWAYS_INLINE float name(const char *row, const float *query, int64_t dim)           \
    {                                                                                           \
        float32x4_t sums[16];                                                                   \
        for (int k = 0; k < 16; k++)                                                            \
            sums[k] = vmulq_f32(four(row, 4 * k), vld1q_f32(query + 4 * k));                    \
        for (int64_t i = GROUP; i < dim; i += GROUP)                                            \
            for (int k = 0; k < 16; k++)                                                        \
                sums[k] = vaddq_f32(                                                            \
                    sums[k], vmulq_f32(four(row, i + 4 * k), vld1q_f32(query + i + 4 * k)));    \
        for (int half = 8; half; half /= 2)                                                     \
            for (int k = 0; k < half; k++)                                                      \
                sums[k] = vaddq_f32(sums[k], sums[half + k]);                                   \
        const float32x2_t two = vadd_f32(vget_low_f32(sums[0]), vget_high_f32(sums[0]));        \
        return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);                                   \
    }
DOT(dot_f32_neon, four_f32)
DOT(dot_f16_neon, four_f16)
DOT(dot_i8_neon, four_i8)
#undef DOT

#include "_kernel_steps.h"

#undef TARGET
#undef PATH_NAME
#undef UNROLLS
#undef PATH
