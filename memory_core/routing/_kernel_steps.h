/* The steps of one path. Included once for each, with these defined:

   TARGET                              attributes of its functions
   PATH_NAME                           its name in quotes
   UNROLLS                             whether unrolled loops pay: there are registers enough
   PAIRS                               defined if it scores two blocks at once
   PATH(name)                          name with the path's suffix
   PATH(supported)()                   whether this processor can run it
   PATH(block)(scan, words, b, base, cut, e)  estimates of block b's lanes; bits of those not < cut
   PATH(above)(scores, cut)            bits of those of 8 scores that are not <= cut
   PATH(coarse)(row, query, dim)       inner product of int8 and int16, mod 2^32
   PATH(tile)(a, b, inner, width, out) 4 rows of a @ b at 8 columns, in the order of sums.py
   PATH(dot_f32), (dot_f16), (dot_i8)  a row's product with a query in the order of sums.py

   No header guard: it is meant to be included again. `not < cut` holds for NaN too, so that NaN
   is met where the few candidates are taken, and costs the loop nothing. */

static TARGET int PATH(take)(Best *best, unsigned lanes, const float *scores, int64_t start)
{
    for (; lanes; lanes &= lanes - 1) {
        const int lane = LOWEST_BIT(lanes);
        if (scores[lane] != scores[lane])
            return FOUND_NAN;
        if (scores[lane] > -INFINITY) /* such a score is never selected */
            best_take(best, scores[lane], start + lane);
    }
    return FINE;
}

/* Ask for the codes of a block of the batch to come. */
static TARGET ALWAYS_INLINE void PATH(ask)(const Scan *s, int64_t words, const Batch *next,
                                           int64_t n)
{
    const int64_t bytes = words * LANES * (int64_t)sizeof(uint64_t);
    if (n < next->n) {
        const char *ahead = s->codes + next->blocks[n] * bytes;
        for (int64_t line = 0; line < bytes; line += 64)
            PREFETCH(ahead + line);
        PREFETCH(s->factors + next->blocks[n] * 16);
    }
}

/* Score a batch: 8 scores a block, and the bits of live lanes that are not below the cut. Codes of
   the batch to come are asked for from memory meanwhile; nothing is called, so that the planes stay
   in registers. */
static TARGET ALWAYS_INLINE void PATH(score)(const Scan *given, int64_t words, const Tables *tables,
                                             const Batch *now, const Batch *next, float cut,
                                             float *scores, uint8_t *above)
{
    const Scan here = *given, *s = &here; /* a copy that no store can reach stays in registers */
    int64_t n = 0;
#ifdef PAIRS
    for (; tables && n + 1 < now->n; n += 2) {
        unsigned lanes[2];
        PATH(ask)(s, words, next, n);
        PATH(ask)(s, words, next, n + 1);
        PATH(pair)(s, words, tables, now->blocks + n, now->base + n, cut, scores + n * LANES,
                   lanes);
        above[n] = (uint8_t)lanes[0] & now->live[n];
        above[n + 1] = (uint8_t)lanes[1] & now->live[n + 1];
    }
#endif
    for (; n < now->n; n++) {
        PATH(ask)(s, words, next, n);
        const unsigned lanes =
            PATH(block)(s, words, now->blocks[n], now->base[n], cut, scores + n * LANES);
        above[n] = (uint8_t)lanes & now->live[n];
    }
    for (int64_t n = now->n; n < BATCH; n++)
        above[n] = 0;
}

static TARGET int PATH(scan)(const Scan *s, Best *best)
{
    Batch two[2];
    Cursor at = {0};
    float scores[BATCH * LANES];
    uint8_t above[BATCH] = {0};
    int turn = 0;
    if (batch_fill(s, &at, &two[0]))
        return OUT_OF_RANGE;
    const Tables *tables = NULL;
#ifdef PAIRS
    Tables room;
    if (s->words <= PAIR_WORDS && two[0].n > 1) {
        PATH(tables)(s, &room);
        tables = &room;
    }
#endif
    for (; two[turn].n; turn = !turn) {
        const Batch *now = &two[turn], *next = &two[!turn];
        if (batch_fill(s, &at, &two[!turn]))
            return OUT_OF_RANGE;
        if (UNROLLS && s->words == 6) /* 384 dimensions: counted loops unroll */
            PATH(score)(s, 6, tables, now, next, best->cut, scores, above);
        else
            PATH(score)(s, s->words, tables, now, next, best->cut, scores, above);
        for (int64_t first = 0; first < now->n; first += 8) {
            if (!u64_at(above, first / 8))
                continue;
            for (int64_t n = first; n < first + 8; n++)
                if (above[n] && PATH(take)(best, above[n], scores + n * LANES, now->places[n]))
                    return FOUND_NAN;
        }
    }
    return FINE;
}

static TARGET int PATH(estimates)(const Scan *given, char *out)
{
    const Scan here = *given, *s = &here;
    for (int64_t i = 0; i < s->count; i++) {
        int64_t b = s->blocks ? i64_at(s->blocks, i) : i;
        if (b < 0 || b >= s->total)
            return OUT_OF_RANGE;
        float scores[LANES];
        PATH(block)(s, s->words, b, f32_at(s->base, i), -INFINITY, scores);
        const uint8_t live = (uint8_t)s->live[b];
        for (int lane = 0; live != 255 && lane < LANES; lane++)
            if (!(live >> lane & 1))
                scores[lane] = -INFINITY;
        memcpy(out + i * (int64_t)sizeof scores, scores, sizeof scores);
    }
    return FINE;
}

static TARGET int PATH(select)(const char *scores, int64_t n, Best *best)
{
    float eight[LANES];
    int64_t whole = n - n % LANES;
    for (int64_t i = 0; i < n; i += LANES) {
        const char *here = scores + i * (int64_t)sizeof(float);
        if (i == whole) { /* the rest, filled up with what is never selected */
            for (int lane = 0; lane < LANES; lane++)
                eight[lane] = i + lane < n ? f32_at(here, lane) : -INFINITY;
            here = (const char *)eight;
        }
        unsigned lanes = PATH(above)(here, best->cut);
        if (lanes) {
            memcpy(eight, here, sizeof eight);
            if (PATH(take)(best, lanes, eight, i))
                return FOUND_NAN;
        }
    }
    return FINE;
}

static TARGET int PATH(rerank)(const Rows *r, char *out)
{
    const int64_t size = r->kind == ROWS_F32 ? 4 : r->kind == ROWS_F16 ? 2 : 1;
    const int64_t bytes = r->dim * size;
    for (int64_t i = 0; i < r->count + AHEAD; i++) {
        if (i < r->count) {
            int64_t next = i64_at(r->picked, i);
            if (next < 0 || next >= r->total)
                return OUT_OF_RANGE;
            for (int64_t line = 0; line < bytes; line += 64)
                PREFETCH(r->rows + next * bytes + line);
        }
        if (i < AHEAD)
            continue;
        int64_t n = i64_at(r->picked, i - AHEAD);
        if (n < 0 || n >= r->total) /* somebody wrote to it since */
            return OUT_OF_RANGE;
        const char *row = r->rows + n * bytes;
        if (r->padded)
            row = memcpy(r->padded, row, (size_t)bytes);
        float sum = r->kind == ROWS_F32   ? PATH(dot_f32)(row, r->query, r->padded_dim)
                    : r->kind == ROWS_F16 ? PATH(dot_f16)(row, r->query, r->padded_dim)
                                          : PATH(dot_i8)(row, r->query, r->padded_dim);
        if (r->scales)
            sum *= f32_at(r->scales, n);
        f32_put(out, i - AHEAD, sum);
    }
    return FINE;
}

static TARGET void PATH(route)(const char *rows, const char *scales, const int16_t *query,
                               float step, int64_t n, int64_t dim, int8_t *padded,
                               int64_t padded_dim, char *out)
{
    for (int64_t i = 0; i < n; i++) {
        const int8_t *row = (const int8_t *)rows + i * dim;
        if (padded)
            row = memcpy(padded, row, (size_t)dim);
        float total = (float)PATH(coarse)(row, query, padded_dim);
        f32_put(out, i, total * f32_at(scales, i) * step);
    }
}

/* out = a @ b, with a (rows, inner) and b (inner, width). */
static TARGET void PATH(multiply)(const float *a, const float *b, int64_t rows, int64_t inner,
                                  int64_t width, float *out)
{
    for (int64_t row = 0; row < rows; row += 4)
        for (int64_t column = 0; column < width; column += 8)
            if (rows - row >= 4 && width - column >= 8)
                PATH(tile)(a + row * inner, b + column, inner, width, out + row * width + column);
            else
                for (int64_t r = row; r < rows && r < row + 4; r++)
                    for (int64_t c = column; c < width && c < column + 8; c++) {
                        float sum = a[r * inner] * b[c];
                        for (int64_t i = 1; i < inner; i++)
                            sum += a[r * inner + i] * b[i * width + c];
                        out[r * width + c] = sum;
                    }
}

/* The largest magnitude. Magnitudes are ordered as their bits are, and those compare faster. */
static TARGET float PATH(largest)(const float *values, int64_t n)
{
    uint32_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t bits = u32_at(values, i) & 0x7fffffffu;
        most = bits > most ? bits : most;
    }
    return f32_at(&most, 0);
}

/* The distance of two levels, so that the largest magnitude is at `end`; 1 for zeros. */
static TARGET float PATH(step)(const float *values, int64_t n, float end)
{
    const float step = PATH(largest)(values, n) / end;
    return step != 0 ? step : 1;
}

/* In steps, as int8. */
static TARGET void PATH(round_coarse)(const float *vector, int64_t n, float step, char *coarse)
{
    for (int64_t i = 0; i < n; i++) {
        const int8_t level = (int8_t)(int32_t)rintf(vector[i] / step);
        memcpy(coarse + i, &level, 1);
    }
}

/* On the 16 levels (u - 7.5) * step; bit j of the 64 words' levels goes to word w of plane j. */
static TARGET void PATH(round_planes)(const float *turned, int64_t words, float step, char *planes)
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

/* Rotate `vector`, (height * width), in place; `other` is of the same size. */
static TARGET void PATH(turn)(const Turn *t, float *vector, float *other)
{
    const int64_t height = t->height, width = t->width, size = height * width;
    for (int64_t round = 0; round < t->rounds; round++) {
        for (int64_t i = 0; i < size; i++)
            vector[i] *= t->signs[round * size + i];
        PATH(multiply)(t->left + round * height * height, vector, height, height, width, other);
        PATH(multiply)(other, t->right + round * width * width, height, width, width, vector);
    }
}

static const Path PATH(path) = {
    .name = PATH_NAME,
    .supported = PATH(supported),
    .scan = PATH(scan),
    .estimates = PATH(estimates),
    .select = PATH(select),
    .rerank = PATH(rerank),
    .route = PATH(route),
    .turn = PATH(turn),
    .step = PATH(step),
    .round_coarse = PATH(round_coarse),
    .round_planes = PATH(round_planes),
};
