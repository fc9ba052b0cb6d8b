/* The steps of one path. Included once for each, with these defined:

   TARGET                              attributes of its functions
   PATH_NAME                           its name in quotes
   PATH(name)                          name with the path's suffix
   PATH(supported)()                   whether this processor can run it
   PATH(block)(scan, b, base, cut, e)  estimates of block b's 8 lanes; bits of those not <= cut
   PATH(above)(scores, cut)            bits of those of 8 scores that are not <= cut
   PATH(coarse)(row, query, dim)       inner product of int8 and int16, mod 2^32
   PATH(dot_f32), (dot_f16), (dot_i8)  a row's product with a query in the order of sums.py

   No header guard: it is meant to be included again. `not <= cut` holds for NaN too, so that NaN
   is met where the few candidates are taken, and costs the loop nothing. */

static TARGET int PATH(take)(Best *best, unsigned lanes, const float *scores, int64_t start)
{
    for (; lanes; lanes &= lanes - 1) {
        const int lane = LOWEST_BIT(lanes);
        if (scores[lane] != scores[lane])
            return FOUND_NAN;
        best_take(best, scores[lane], start + lane);
    }
    return FINE;
}

/* Blocks looked up before the first of them is scanned. */
#define BATCH 16

static TARGET int PATH(scan)(const Scan *given, Best *best)
{
    const Scan here = *given, *s = &here; /* a copy that no store can reach stays in registers */
    const int64_t bytes = s->words * LANES * (int64_t)sizeof(uint64_t);
    int64_t blocks[BATCH], places[BATCH], last = -1;
    for (int64_t i = 0; i < s->count;) {
        int found = 0;
        for (; found < BATCH && i < s->count; i++) {
            const int64_t b = s->blocks ? i64_at(s->blocks, i) : i;
            if (b < 0 || b >= s->total)
                return OUT_OF_RANGE;
            if (!s->live[b])
                continue;
            if (b != last + 1) /* under a filter they lie apart; the processor foresees the rest */
                for (int64_t line = 0; line < bytes; line += 64)
                    PREFETCH(s->codes + b * bytes + line);
            places[found] = i;
            blocks[found++] = last = b;
        }
        for (int n = 0; n < found; n++) {
            float scores[LANES];
            const float base = f32_at(s->base, places[n]);
            unsigned lanes = PATH(block)(s, blocks[n], base, best->cut, scores);
            lanes &= (uint8_t)s->live[blocks[n]];
            if (lanes && PATH(take)(best, lanes, scores, places[n] * LANES))
                return FOUND_NAN;
        }
    }
    return FINE;
}
#undef BATCH

static TARGET int PATH(estimates)(const Scan *given, char *out)
{
    const Scan here = *given, *s = &here;
    for (int64_t i = 0; i < s->count; i++) {
        int64_t b = s->blocks ? i64_at(s->blocks, i) : i;
        if (b < 0 || b >= s->total)
            return OUT_OF_RANGE;
        float scores[LANES];
        PATH(block)(s, b, f32_at(s->base, i), -INFINITY, scores);
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

/* out = a @ b, with a (rows, inner) and b (inner, width): each component the sum of its products
   in ascending order, 8 of them side by side. */
static TARGET void PATH(multiply)(const float *a, const float *b, int64_t rows, int64_t inner,
                                  int64_t width, float *out)
{
    for (int64_t row = 0; row < rows; row++, a += inner)
        for (int64_t column = 0; column < width; column += 8) {
            float sums[8];
            const float *right = b + column;
            const int64_t n = width - column < 8 ? width - column : 8;
            if (n == 8) {
                for (int k = 0; k < 8; k++)
                    sums[k] = a[0] * right[k];
                for (int64_t i = 1; i < inner; i++)
                    for (int k = 0; k < 8; k++)
                        sums[k] += a[i] * right[i * width + k];
            }
            else {
                for (int64_t k = 0; k < n; k++)
                    sums[k] = a[0] * right[k];
                for (int64_t i = 1; i < inner; i++)
                    for (int64_t k = 0; k < n; k++)
                        sums[k] += a[i] * right[i * width + k];
            }
            memcpy(out + row * width + column, sums, (size_t)n * sizeof *sums);
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
};
