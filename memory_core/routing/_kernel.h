/* What the files of the extension share: the arrays of a scan, and what one path has to provide.

   A path is one way to run the same steps: plain C, AVX2, AVX-512, NEON. Each is compiled for its
   own instruction set and chosen at run time. The arithmetic is that of steps.py and sums.py, to
   the bit: integers exact, floats rounded after every operation, in the order written there. */

#ifndef ROUTEMEM_KERNEL_H
#define ROUTEMEM_KERNEL_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Anything that would round otherwise ends the compilation: the reference runs instead. */
#if defined(__FAST_MATH__) || defined(_M_FP_FAST) || FLT_EVAL_METHOD != 0
#error "floats must be rounded after every operation: no fast-math, no excess precision"
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the arrays are little-endian"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* As in steps.py, codes.py and sums.py. */
#define LANES 8
#define PLANES 4
#define GROUP 64

/* Words of a code at the most: weighted popcounts stay far below 2^31. */
#define MOST_WORDS 65536

/* Rows ahead of the one being compared that are asked for from memory. */
#define AHEAD 4

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define LOWEST_BIT(bits) __builtin_ctz(bits)
#else
#define PREFETCH(address) ((void)(address))
#define ALWAYS_INLINE inline
static ALWAYS_INLINE int LOWEST_BIT(unsigned bits)
{
    int bit = 0;
    while (!(bits >> bit & 1))
        bit++;
    return bit;
}
#endif

/* Arrays come at any address, so single values are read through memcpy: one plain load. */
#define READER(name, type)                                                             \
    static ALWAYS_INLINE type name(const void *array, int64_t i)                       \
    {                                                                                  \
        type value;                                                                    \
        memcpy(&value, (const char *)array + i * (int64_t)sizeof value, sizeof value); \
        return value;                                                                  \
    }
READER(f32_at, float)
READER(u64_at, uint64_t)
READER(i64_at, int64_t)
READER(u32_at, uint32_t)
READER(u16_at, uint16_t)
#undef READER

#define WRITER(name, type)                                                             \
    static ALWAYS_INLINE void name(void *array, int64_t i, type value)                 \
    {                                                                                  \
        memcpy((char *)array + i * (int64_t)sizeof value, &value, sizeof value);       \
    }
WRITER(f32_put, float)
WRITER(i64_put, int64_t)
#undef WRITER

/* The arguments of a scan, as the table in steps.py describes them. The blocks to scan are listed,
   or those of buckets; `base` has a value for each block of the list, or for each bucket there is. */
typedef struct {
    const char *codes, *factors, *live, *base;
    const char *norms;   /* NULL: all are 1 */
    const char *blocks;  /* the list; NULL: all of them, or those of the buckets */
    const char *offsets; /* uint32, first block of each bucket and the end of the last */
    const int32_t *buckets; /* those to scan; NULL: the list */
    int64_t count;          /* of the list, or of the buckets */
    int64_t total;          /* blocks there are */
    int64_t words;
    const uint64_t *planes;     /* (4, words) */
    const uint64_t *low, *high; /* their nibbles, one to a byte */
    uint64_t *room;             /* where these three are */
    float gain, full;           /* full: 15 * 64 * words */
} Scan;

/* Level-0 rows by dtype. */
typedef enum { ROWS_F32, ROWS_F16, ROWS_I8 } RowKind;

/* Rows to compare; dim is a multiple of GROUP, or one row fits into `padded` with zeros behind. */
typedef struct {
    const char *rows, *scales; /* scales: NULL for all but int8 */
    const char *picked;
    int64_t count; /* of picked */
    int64_t total; /* rows there are */
    int64_t dim, padded_dim;
    RowKind kind;
    const float *query; /* (padded_dim,) */
    char *padded;       /* (padded_dim,) of the rows' dtype, zeros from dim on; NULL if dim fits */
} Rows;

/* A rotation, as codes.Rotation describes it; signs, left and right are aligned copies. */
typedef struct {
    const float *signs, *left, *right;
    float *spare; /* 2 * size floats behind them */
    int64_t rounds, height, width, size;
} Turn;

/* What went wrong inside a loop that runs without the interpreter's lock. */
enum { FINE = 0, FOUND_NAN = -1, OUT_OF_RANGE = -2, NO_MEMORY = -3 };

#include "_kernel_select.h"
#include "_kernel_batch.h"

/* What a path makes of a query's planes to score two blocks at once; see PAIRS. */
typedef struct Tables Tables;

/* The steps of one path. */
typedef struct {
    const char *name;
    int (*supported)(void);
    int (*scan)(const Scan *, Best *);
    int (*estimates)(const Scan *, char *out);
    int (*select)(const char *scores, int64_t n, Best *);
    int (*rerank)(const Rows *, char *out);
    void (*route)(const char *rows, const char *scales, const int16_t *query, float step,
                  int64_t n, int64_t dim, int8_t *padded, int64_t padded_dim, char *out);
    void (*turn)(const Turn *, float *vector, float *other);
    float (*step)(const float *values, int64_t n, float end);
    void (*round_coarse)(const float *vector, int64_t n, float step, char *coarse);
    void (*round_planes)(const float *turned, int64_t words, float step, char *planes);
} Path;

#endif
