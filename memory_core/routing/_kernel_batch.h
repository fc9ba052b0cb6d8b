/* Which blocks a scan visits, a batch at a time, so that a batch can be asked for from memory while
   the one before it is worked on. */

#ifndef ROUTEMEM_KERNEL_BATCH_H
#define ROUTEMEM_KERNEL_BATCH_H

#define BATCH 32

typedef struct {
    int64_t n;
    int64_t blocks[BATCH];
    int64_t places[BATCH]; /* positions of their first lanes, by which equal scores are ordered */
    float base[BATCH];
    uint8_t live[BATCH];
} Batch;

/* How far the batches have come. */
typedef struct {
    int64_t next;        /* of the list, or of the buckets */
    int64_t block, stop; /* of the bucket before it: what is left of it */
    float base;
} Cursor;

/* Put a block into place n; returns the next place. A block without live lanes is written over. */
static ALWAYS_INLINE int64_t batch_put(Batch *batch, int64_t n, int64_t block, int64_t place,
                                       float base, uint8_t live)
{
    batch->blocks[n] = block;
    batch->places[n] = place;
    batch->base[n] = base;
    batch->live[n] = live;
    return n + (live != 0);
}

/* The next blocks with live lanes; none when there are no more. */
static int batch_fill(const Scan *s, Cursor *at, Batch *batch)
{
    const uint8_t *live = (const uint8_t *)s->live;
    int64_t n = 0;
    if (!s->buckets) {
        for (; n < BATCH && at->next < s->count; at->next++) {
            const int64_t b = s->blocks ? i64_at(s->blocks, at->next) : at->next;
            if (b < 0 || b >= s->total)
                return OUT_OF_RANGE;
            n = batch_put(batch, n, b, at->next * LANES, f32_at(s->base, at->next), live[b]);
        }
        batch->n = n;
        return FINE;
    }
    while (n < BATCH) {
        if (at->block == at->stop) {
            if (at->next == s->count)
                break;
            const int64_t bucket = s->buckets[at->next++];
            at->block = u32_at(s->offsets, bucket);
            at->stop = u32_at(s->offsets, bucket + 1);
            at->base = f32_at(s->base, bucket);
            if (at->block > at->stop || at->stop > s->total)
                return OUT_OF_RANGE;
        }
        const int64_t stop = at->stop;
        const float base = at->base;
        int64_t block = at->block;
        for (; n < BATCH && block < stop; block++)
            n = batch_put(batch, n, block, block * LANES, base, live[block]);
        at->block = block;
    }
    batch->n = n;
    return FINE;
}

#endif
