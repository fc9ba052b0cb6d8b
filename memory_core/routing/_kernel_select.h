/* The largest scores and their positions: order by score, the lower position first on ties. */

#ifndef ROUTEMEM_KERNEL_SELECT_H
#define ROUTEMEM_KERNEL_SELECT_H

/* A score and its position as one integer: the larger key is the better one, and no two are equal.
   Bits 32-63: the score, its bits turned so that integers are ordered as the floats are.
   Bits 1-31: the position, inverted. Bit 0: whether the score was -0, which ties with +0. */
#define MOST_POSITIONS ((int64_t)1 << 31)

/* Keys that are sorted by counting; longer runs are merged. */
#define SHORT_RUN 8

typedef struct {
    uint64_t *keys, *spare; /* each of `room` keys */
    int64_t n, room, depth;
    float cut; /* a score below it is not among the best */
} Best;

static ALWAYS_INLINE uint64_t key_of(float score, int64_t position)
{
    uint32_t bits, zero;
    memcpy(&bits, &score, sizeof bits);
    zero = bits == 0x80000000u;
    bits = zero ? 0 : bits;
    bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (uint64_t)bits << 32 | (~(uint32_t)position & 0x7fffffffu) << 1 | zero;
}

static ALWAYS_INLINE int64_t position_of(uint64_t key)
{
    return (int64_t)(~(uint32_t)(key >> 1) & 0x7fffffffu);
}

static ALWAYS_INLINE float score_of(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    float score;
    bits = bits & 0x80000000u ? bits & 0x7fffffffu : ~bits;
    bits |= (uint32_t)(key & 1) << 31;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* Room for twice the depth, so that sifting is rare. Returns 0 if there is no memory. */
static int best_begin(Best *best, int64_t depth, int64_t scores)
{
    best->depth = depth < scores ? depth : scores;
    best->room = best->depth < scores ? 2 * best->depth + 64 : scores;
    best->n = 0;
    best->cut = -INFINITY;
    best->keys = malloc((size_t)(2 * best->room + 1) * sizeof *best->keys);
    best->spare = best->keys ? best->keys + best->room : NULL;
    return best->keys != NULL;
}

static void best_end(Best *best)
{
    free(best->keys);
}

/* The loops below have no branch on what the keys are: it could not be foretold, and a wrong guess
   costs more than the work. Keys differ, so counting the larger ones gives each its place; where they
   do not, in a damaged pack, the order is wrong and no byte outside is touched. */

static void sort_run(uint64_t *keys, int64_t n)
{
    uint64_t run[SHORT_RUN];
    memcpy(run, keys, (size_t)n * sizeof *keys);
    for (int64_t i = 0; i < n; i++) {
        int64_t place = 0;
        for (int64_t j = 0; j < n; j++)
            place += run[j] > run[i];
        keys[place] = run[i];
    }
}

/* Sort descending: short runs, then merged. n log n whatever the input. */
static void sort_keys(uint64_t *keys, uint64_t *spare, int64_t n)
{
    uint64_t *from = keys, *to = spare;
    for (int64_t start = 0; start < n; start += SHORT_RUN)
        sort_run(keys + start, start + SHORT_RUN < n ? SHORT_RUN : n - start);
    for (int64_t run = SHORT_RUN; run < n; run *= 2) {
        for (int64_t start = 0; start < n; start += 2 * run) {
            const int64_t middle = start + run < n ? start + run : n;
            const int64_t stop = middle + run < n ? middle + run : n;
            int64_t left = start, right = middle, i = start;
            while (left < middle && right < stop) {
                const uint64_t one = from[left], two = from[right];
                to[i++] = one > two ? one : two;
                left += one > two;
                right += one <= two;
            }
            memcpy(to + i, from + left, (size_t)(middle - left) * sizeof *to);
            memcpy(to + i + middle - left, from + right, (size_t)(stop - right) * sizeof *to);
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, (size_t)n * sizeof *keys);
}

static ALWAYS_INLINE uint64_t median_of(uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t low = a < b ? a : b, high = a < b ? b : a, least = high < c ? high : c;
    return low > least ? low : least;
}

/* Bring the `depth` best keys to the front, and learn the worst of them. */
static void best_sift(Best *best)
{
    uint64_t *keys = best->keys;
    int64_t low = 0, high = best->n; /* the key at `depth` - 1 belongs somewhere in between */
    for (int patience = 48; high - low > SHORT_RUN && patience; patience--) {
        const uint64_t pivot = median_of(keys[low], keys[low + (high - low) / 2], keys[high - 1]);
        int64_t split = low;
        for (int64_t i = low; i < high; i++) {
            const uint64_t key = keys[i];
            keys[i] = keys[split];
            keys[split] = key;
            split += key >= pivot;
        }
        if (best->depth <= split)
            high = split;
        else
            low = split;
    }
    sort_keys(keys + low, best->spare, high - low); /* long only for inputs made to be slow */
    best->n = best->depth;
    best->cut = score_of(keys[best->depth - 1]);
}

/* Take a score that is not below the cut. */
static ALWAYS_INLINE void best_take(Best *best, float score, int64_t position)
{
    best->keys[best->n++] = key_of(score, position);
    if (best->n == best->room && best->depth < best->room)
        best_sift(best);
}

/* Leave only the best, sorted, best first. */
static void best_finish(Best *best)
{
    if (best->n > best->depth)
        best_sift(best);
    sort_keys(best->keys, best->spare, best->n);
}

#endif
