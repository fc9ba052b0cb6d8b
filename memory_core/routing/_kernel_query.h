/* Rounding a query: what steps.prepare does around the rotation. */

#ifndef ROUTEMEM_KERNEL_QUERY_H
#define ROUTEMEM_KERNEL_QUERY_H

/* The largest magnitude. Magnitudes are ordered as their bits are, and those compare faster. */
static float largest(const float *values, int64_t n)
{
    uint32_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t bits = u32_at(values, i) & 0x7fffffffu;
        most = bits > most ? bits : most;
    }
    return f32_at(&most, 0);
}

/* The distance of two levels, so that the largest magnitude is at `end`; 1 for zeros. */
static float step_of(const float *values, int64_t n, float end)
{
    const float step = largest(values, n) / end;
    return step != 0 ? step : 1;
}

/* In steps, as int8. */
static void round_coarse(const float *vector, int64_t n, float step, char *coarse)
{
    for (int64_t i = 0; i < n; i++) {
        const int8_t level = (int8_t)(int32_t)rintf(vector[i] / step);
        memcpy(coarse + i, &level, 1);
    }
}

/* On the 16 levels (u - 7.5) * step; bit j of the 64 words' levels goes to word w of plane j. */
static void round_planes(const float *turned, int64_t words, float step, char *planes)
{
    for (int64_t w = 0; w < words; w++) {
        uint8_t levels[64];
        for (int i = 0; i < 64; i++) {
            const float level = rintf(turned[64 * w + i] / step + 7.5f);
            levels[i] = level > 0 ? level < 15 ? (uint8_t)level : 15 : 0;
        }
        for (int j = 0; j < PLANES; j++) {
            uint64_t plane = 0;
            for (int eight = 0; eight < 8; eight++) { /* their bits j, gathered in the top byte */
                const uint64_t bits = u64_at(levels, eight) >> j & 0x0101010101010101u;
                plane |= (bits * 0x0102040810204080u >> 56) << 8 * eight;
            }
            memcpy(planes + 8 * (j * words + w), &plane, sizeof plane);
        }
    }
}

#endif
