/* A pack as a whole: its arrays are checked once, and a search is two calls. */

#ifndef ROUTEMEM_KERNEL_PACK_H
#define ROUTEMEM_KERNEL_PACK_H

#define PACK "routemem.pack"

/* Buckets that are scanned first when all of them are: they raise the bar for the rest. */
#define FIRST 16

typedef struct {
    Held held;
    Scan scan; /* all but what depends on the query */
    Rows rows; /* likewise */
    Turn turn;
    const char *ids, *routing, *scales;
    int64_t buckets, dim;
    float *rotation; /* aligned copies */
} Pack;

static void pack_free(Pack *pack)
{
    release(&pack->held);
    free(pack->rotation);
    free(pack);
}

static void pack_end(PyObject *capsule) { pack_free(PyCapsule_GetPointer(capsule, PACK)); }

/* (codes, factors, norms, ids, offsets, routing, scales, signs, left, right, rows, row_scales)
   -> capsule */
static PyObject *hold_pack(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Pack *pack = counted(nargs, 12) ? calloc(1, sizeof *pack) : NULL;
    if (!pack)
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    Held *held = &pack->held;
    Scan *s = &pack->scan;
    const Py_buffer *codes, *factors, *norms, *ids, *offsets, *routing, *scales;
    if (!(codes = READ(args[0], U64, 3, "codes")) || !(factors = READ(args[1], U16, 2, "factors")) ||
        !(norms = READ(args[2], F32, 2, "norms")) || !(ids = READ(args[3], U32, 2, "ids")) ||
        !(offsets = READ(args[4], U32, 1, "offsets")) ||
        !(routing = READ(args[5], I8, 2, "routing")) ||
        !(scales = READ(args[6], F32, 1, "scales")) ||
        !turn_of(held, args + 7, routing->shape[1], &pack->turn, &pack->rotation) ||
        !rows_of(held, args[10], args[11], &pack->rows))
        goto failed;
    s->total = codes->shape[0];
    s->words = codes->shape[1];
    pack->buckets = routing->shape[0];
    pack->dim = routing->shape[1];
    if (codes->shape[2] != LANES || s->words != pack->turn.size / 64 || s->words > MOST_WORDS ||
        factors->shape[0] != s->total || factors->shape[1] != LANES ||
        (norms->shape[0] && norms->shape[0] != s->total) || norms->shape[1] != LANES ||
        ids->shape[0] != s->total || ids->shape[1] != LANES ||
        s->total > MOST_POSITIONS / LANES || pack->buckets > INT32_MAX ||
        offsets->shape[0] != pack->buckets + 1 || scales->shape[0] != pack->buckets ||
        pack->rows.dim != pack->dim || pack->rows.total > MOST_POSITIONS) {
        refused("expected the arrays of one pack");
        goto failed;
    }
    s->codes = codes->buf;
    s->factors = factors->buf;
    s->norms = norms->shape[0] ? norms->buf : NULL;
    s->offsets = offsets->buf;
    s->full = (float)(15 * 64 * s->words);
    pack->ids = ids->buf;
    pack->routing = routing->buf;
    pack->scales = scales->buf;
    PyObject *capsule = PyCapsule_New(pack, PACK, pack_end);
    if (capsule)
        return capsule;
failed:
    pack_free(pack);
    return NULL;
}

/* What one search needs room for; one piece, to be freed. */
typedef struct {
    float *vector, *turned, *other, *routed;
    int16_t *coarse;
    int8_t *narrow, *padded;
    uint64_t *planes;
    int32_t *buckets;
    uint8_t *seen;
} Room;

static void *room_of(const Pack *pack, Room *room)
{
    const size_t size = (size_t)pack->turn.size, wide = (size_t)pack->rows.padded_dim;
    const size_t buckets = (size_t)pack->buckets;
    char *piece = calloc(1, 8 * PLANES * size / 64 + 4 * (2 * size + wide + 2 * buckets) +
                                2 * wide + 2 * wide + buckets);
    if (!piece)
        return NULL;
    room->planes = (uint64_t *)piece;
    room->turned = (float *)(room->planes + PLANES * size / 64);
    room->other = room->turned + size;
    room->vector = room->other + size;
    room->routed = room->vector + wide;
    room->buckets = (int32_t *)(room->routed + buckets);
    room->coarse = (int16_t *)(room->buckets + buckets);
    room->narrow = (int8_t *)(room->coarse + wide);
    room->padded = room->narrow + wide;
    room->seen = (uint8_t *)(room->padded + wide);
    return piece;
}

/* The best buckets, best first; if all are to be scanned, the first few and then the rest. */
static int buckets_of(const Pack *pack, const Path *path, int64_t probes, Room *room, Scan *s)
{
    Best best;
    const int64_t n = pack->buckets, all = probes >= n;
    if (!best_begin(&best, all ? FIRST : probes, n))
        return NO_MEMORY;
    int status = path->select((const char *)room->routed, n, &best);
    if (status == FINE) {
        best_finish(&best);
        for (int64_t i = 0; i < best.n; i++) {
            room->buckets[i] = (int32_t)position_of(best.keys[i]);
            room->seen[room->buckets[i]] = 1;
        }
        s->count = best.n;
        for (int64_t i = 0; all && i < n; i++)
            if (!room->seen[i])
                room->buckets[s->count++] = (int32_t)i;
        s->buckets = room->buckets;
    }
    best_end(&best);
    return status;
}

/* Prepare, route, probe and scan: the lanes are left in `best`. */
static int pack_search(const Pack *pack, const Path *path, int64_t probes, Room *room, Scan *s,
                       Best *best)
{
    const int64_t dim = pack->dim, size = pack->turn.size;
    const float coarse_step = path->step(room->vector, dim, 127);
    path->round_coarse(room->vector, dim, coarse_step, (char *)room->narrow);
    for (int64_t i = 0; i < dim; i++)
        room->coarse[i] = room->narrow[i];
    memcpy(room->turned, room->vector, (size_t)dim * 4);
    path->turn(&pack->turn, room->turned, room->other);
    const float step = path->step(room->turned, size, 7.5f);
    path->round_planes(room->turned, s->words, step, (char *)room->planes);
    if (!planes_of(s, room->planes))
        return NO_MEMORY;
    s->gain = (float)(2.0 / 65535.0) * step / 2.0f;
    path->route(pack->routing, pack->scales, room->coarse, coarse_step, pack->buckets, dim,
                pack->rows.padded_dim > dim ? room->padded : NULL, pack->rows.padded_dim,
                (char *)room->routed);
    s->base = (const char *)room->routed;
    int status = buckets_of(pack, path, probes, room, s);
    return status ? status : path->scan(s, best);
}

static const Pack *pack_of(PyObject *capsule) { return PyCapsule_GetPointer(capsule, PACK); }

/* (path, pack, live, vector, probes, depth, rows, estimates) -> count */
static PyObject *candidates(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Held views = {.n = 0}, *held = &views;
    Best best = {.keys = NULL};
    Room room;
    Scan s = {.room = NULL};
    void *piece = NULL;
    PyObject *found = NULL;
    int status;
    const Pack *pack;
    const Py_buffer *live, *vector, *rows, *scores;
    const Path *path = counted(nargs, 8) ? path_of(args[0]) : NULL;
    if (!path || !(pack = pack_of(args[1])) || !(live = READ(args[2], U8, 1, "live")) ||
        !(vector = READ(args[3], F32, 1, "vector")) || !(rows = WRITE(args[6], I64, 1, "rows")) ||
        !(scores = WRITE(args[7], F32, 1, "estimates")))
        goto done;
    const int64_t probes = PyLong_AsLongLong(args[4]);
    if (probes == -1 && PyErr_Occurred())
        goto done;
    if (probes < 1 || live->shape[0] != pack->scan.total || vector->shape[0] != pack->dim) {
        refused("expected at least 1 probe, lanes for every block, and a vector of the pack's "
                "dimension");
        goto done;
    }
    s = pack->scan;
    s.live = live->buf;
    if (!began(&best, args[5], s.total * LANES,
               rows->shape[0] < scores->shape[0] ? rows->shape[0] : scores->shape[0]))
        goto done;
    if (!(piece = room_of(pack, &room))) {
        PyErr_NoMemory();
        goto done;
    }
    memcpy(room.vector, vector->buf, (size_t)vector->len);
    Py_BEGIN_ALLOW_THREADS
    status = pack_search(pack, path, probes, &room, &s, &best);
    if (status == FINE) {
        best_finish(&best);
        for (int64_t i = 0; i < best.n; i++) {
            i64_put(rows->buf, i, u32_at(pack->ids, position_of(best.keys[i])));
            f32_put(scores->buf, i, score_of(best.keys[i]));
        }
    }
    Py_END_ALLOW_THREADS
    found = answer(status, best.n);
done:
    best_end(&best);
    free(s.room);
    free(piece);
    release(held);
    return found;
}

/* (path, pack, picked, guesses, vector, top, rows, scores, known) -> count */
static PyObject *nearest(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Held views = {.n = 0}, *held = &views;
    Best best = {.keys = NULL};
    PyObject *found = NULL;
    float *room = NULL;
    int status;
    const Pack *pack;
    const Py_buffer *picked, *guesses, *vector, *rows, *scores, *known;
    const Path *path = counted(nargs, 9) ? path_of(args[0]) : NULL;
    if (!path || !(pack = pack_of(args[1])) || !(picked = READ(args[2], I64, 1, "picked")) ||
        !(guesses = READ(args[3], F32, 1, "guesses")) ||
        !(vector = READ(args[4], F32, 1, "vector")) || !(rows = WRITE(args[6], I64, 1, "rows")) ||
        !(scores = WRITE(args[7], F32, 1, "scores")) || !(known = WRITE(args[8], F32, 1, "known")))
        goto done;
    Rows r = pack->rows;
    r.picked = picked->buf;
    r.count = picked->shape[0];
    if (vector->shape[0] != r.dim || (guesses->shape[0] && guesses->shape[0] != r.count) ||
        scores->shape[0] != rows->shape[0] || known->shape[0] != rows->shape[0]) {
        refused("expected a vector of the pack's dimension, an estimate for each row picked or "
                "none, and as much room for scores and estimates as for rows");
        goto done;
    }
    if (!began(&best, args[5], r.count, rows->shape[0]))
        goto done;
    room = calloc((size_t)(2 * r.padded_dim + r.count), sizeof *room);
    if (!room) {
        PyErr_NoMemory();
        goto done;
    }
    r.query = memcpy(room, vector->buf, (size_t)vector->len);
    r.padded = r.padded_dim > r.dim ? (char *)(room + r.padded_dim) : NULL;
    float *products = room + 2 * r.padded_dim;
    Py_BEGIN_ALLOW_THREADS
    status = path->rerank(&r, (char *)products);
    for (int64_t i = 0; status == FINE && i < r.count; i++) {
        if (products[i] != products[i])
            status = FOUND_NAN;
        else if (products[i] > -INFINITY && !(products[i] < best.cut))
            best_take(&best, products[i], i64_at(picked->buf, i));
    }
    if (status == FINE) {
        best_finish(&best);
        for (int64_t i = 0; i < best.n; i++) {
            const int64_t row = position_of(best.keys[i]);
            int64_t at = 0;
            while (guesses->shape[0] && at < r.count && i64_at(picked->buf, at) != row)
                at++;
            i64_put(rows->buf, i, row);
            f32_put(scores->buf, i, score_of(best.keys[i]));
            f32_put(known->buf, i, at < guesses->shape[0] ? f32_at(guesses->buf, at) : NAN);
        }
    }
    Py_END_ALLOW_THREADS
    found = answer(status, best.n);
done:
    best_end(&best);
    free(room);
    release(held);
    return found;
}

#endif
