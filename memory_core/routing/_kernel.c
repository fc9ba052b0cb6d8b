/* The extension's Python side: arguments are checked here, the work is done by a path.

   Used by kernel.py only, which also says what each function is for. */

#include <Python.h>

#include "_kernel.h"
#include "_kernel_arguments.h"
#include "_kernel_scalar.h"
#if defined(__GNUC__) && defined(__x86_64__)
#include "_kernel_x86.h"
#define VECTOR_PATHS &path_avx512, &path_avx2,
#elif defined(__GNUC__) && defined(__aarch64__)
#include "_kernel_neon.h"
#define VECTOR_PATHS &path_neon,
#else
#define VECTOR_PATHS
#endif

/* Counted up whenever the functions below take or give something else; kernel.py compares it. */
#define ABI 2

/* The best first. Python names one by its place. */
static const Path *const PATHS[] = {VECTOR_PATHS &path_scalar};
#define N_PATHS ((long)(sizeof PATHS / sizeof *PATHS))

static const Path *path_of(PyObject *number)
{
    const long place = PyLong_AsLong(number);
    if (place >= 0 && place < N_PATHS && PATHS[place]->supported())
        return PATHS[place];
    refused("path: expected a value of PATHS");
    return NULL;
}

/* How many results there are, or -1 if NaN was met, which kernel.py leaves to the reference. */
static PyObject *answer(int status, int64_t n)
{
    if (status == OUT_OF_RANGE) {
        refused("expected numbers of blocks or rows that there are, got one outside");
        return NULL;
    }
    if (status == NO_MEMORY)
        return PyErr_NoMemory();
    return PyLong_FromLongLong(status == FOUND_NAN ? -1 : n);
}

static int64_t whole_groups(int64_t dim) { return (dim + GROUP - 1) / GROUP * GROUP; }

/* (path, vector, signs, left, right, coarse, planes) -> (coarse_step, step) */
static PyObject *prepare(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Held views = {.n = 0}, *held = &views;
    PyObject *steps = NULL;
    float *room = NULL;
    Turn turn;
    const Py_buffer *vector, *coarse, *planes;
    const Path *path = counted(nargs, 7) ? path_of(args[0]) : NULL;
    if (!path || !(vector = READ(args[1], F32, 1, "vector")) ||
        !turn_of(held, args + 2, vector->shape[0], &turn, &room) ||
        !(coarse = WRITE(args[5], I8, 1, "coarse")) || !(planes = WRITE(args[6], U64, 2, "planes")))
        goto done;
    const int64_t dim = vector->shape[0], words = turn.size / 64;
    if (coarse->shape[0] != dim || planes->shape[0] != PLANES || planes->shape[1] != words) {
        refused("expected room for one query");
        goto done;
    }
    float *turned = turn.spare, *other = turned + turn.size;
    memset(turned, 0, (size_t)turn.size * 4);
    memcpy(turned, vector->buf, (size_t)vector->len);
    const float coarse_step = path->step(turned, dim, 127);
    path->round_coarse(turned, dim, coarse_step, coarse->buf);
    path->turn(&turn, turned, other);
    const float step = path->step(turned, turn.size, 7.5f);
    path->round_planes(turned, words, step, planes->buf);
    steps = Py_BuildValue("(dd)", (double)coarse_step, (double)step);
done:
    free(room);
    release(held);
    return steps;
}

/* (path, routing, scales, coarse, coarse_step, out) */
static PyObject *route(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Held views = {.n = 0}, *held = &views;
    PyObject *nothing = NULL;
    int16_t *query = NULL;
    float step;
    const Py_buffer *routing, *scales, *coarse, *out;
    const Path *path = counted(nargs, 6) ? path_of(args[0]) : NULL;
    if (!path || !(routing = READ(args[1], I8, 2, "routing")) ||
        !(scales = READ(args[2], F32, 1, "scales")) || !(coarse = READ(args[3], I8, 1, "coarse")) ||
        !float_of(args[4], &step) || !(out = WRITE(args[5], F32, 1, "out")))
        goto done;
    const int64_t n = routing->shape[0], dim = routing->shape[1], wide = whole_groups(dim);
    if (scales->shape[0] != n || coarse->shape[0] != dim || out->shape[0] != n) {
        refused("expected a scale and a score per centroid, and a query of their dimension");
        goto done;
    }
    query = calloc((size_t)wide + 1, 3); /* the query as int16, and room for one row */
    if (!query) {
        PyErr_NoMemory();
        goto done;
    }
    for (int64_t i = 0; i < dim; i++)
        query[i] = ((const int8_t *)coarse->buf)[i];
    int8_t *padded = wide > dim ? (int8_t *)(query + wide) : NULL;
    Py_BEGIN_ALLOW_THREADS
    path->route(routing->buf, scales->buf, query, step, n, dim, padded, wide, out->buf);
    Py_END_ALLOW_THREADS
    nothing = Py_NewRef(Py_None);
done:
    free(query);
    release(held);
    return nothing;
}

/* Begin to select `depth` of `n` scores; 0 with an error set if that cannot be done. */
static int began(Best *best, PyObject *depth, int64_t n, int64_t room)
{
    const int64_t wanted = PyLong_AsLongLong(depth);
    if (wanted == -1 && PyErr_Occurred())
        return 0;
    if (wanted < 1 && wanted < n)
        return refused("depth: expected at least 1");
    if (n > MOST_POSITIONS)
        return refused("expected at most 2**31 scores");
    if (room < (wanted < n ? wanted : n))
        return refused("expected room for as many results as there can be");
    if (best_begin(best, wanted, n))
        return 1;
    PyErr_NoMemory();
    return 0;
}

/* (path, scores, depth, positions) -> count */
static PyObject *select_best(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Held views = {.n = 0}, *held = &views;
    Best best = {.keys = NULL};
    PyObject *found = NULL;
    int status;
    const Py_buffer *scores, *positions;
    const Path *path = counted(nargs, 4) ? path_of(args[0]) : NULL;
    if (!path || !(scores = READ(args[1], F32, 1, "scores")) ||
        !(positions = WRITE(args[3], I64, 1, "positions")) ||
        !began(&best, args[2], scores->shape[0], positions->shape[0]))
        goto done;
    Py_BEGIN_ALLOW_THREADS
    status = path->select(scores->buf, scores->shape[0], &best);
    if (status == FINE) {
        best_finish(&best);
        for (int64_t i = 0; i < best.n; i++)
            i64_put(positions->buf, i, position_of(best.keys[i]));
    }
    Py_END_ALLOW_THREADS
    found = answer(status, best.n);
done:
    best_end(&best);
    release(held);
    return found;
}

/* (path, the 8 of scan_of, depth, lanes, scores) -> count */
static PyObject *scan(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Held views = {.n = 0}, *held = &views;
    Scan s = {.room = NULL};
    Best best = {.keys = NULL};
    PyObject *found = NULL;
    int status;
    const Py_buffer *lanes, *scores;
    const Path *path = counted(nargs, 12) ? path_of(args[0]) : NULL;
    if (!path || !scan_of(held, args + 1, &s) || !(lanes = WRITE(args[10], I64, 1, "lanes")) ||
        !(scores = WRITE(args[11], F32, 1, "scores")) ||
        !began(&best, args[9], s.count * LANES,
               lanes->shape[0] < scores->shape[0] ? lanes->shape[0] : scores->shape[0]))
        goto done;
    Py_BEGIN_ALLOW_THREADS
    status = path->scan(&s, &best);
    if (status == FINE) {
        best_finish(&best);
        for (int64_t i = 0; i < best.n; i++) {
            const int64_t at = position_of(best.keys[i]), number = at / LANES;
            const int64_t block = s.blocks ? i64_at(s.blocks, number) : number;
            i64_put(lanes->buf, i, block * LANES + at % LANES);
            f32_put(scores->buf, i, score_of(best.keys[i]));
        }
    }
    Py_END_ALLOW_THREADS
    found = answer(status, best.n);
done:
    best_end(&best);
    free(s.room);
    release(held);
    return found;
}

/* (path, the 8 of scan_of, out) -> count */
static PyObject *estimates(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Held views = {.n = 0}, *held = &views;
    Scan s = {.room = NULL};
    PyObject *found = NULL;
    int status;
    const Py_buffer *out;
    const Path *path = counted(nargs, 10) ? path_of(args[0]) : NULL;
    if (!path || !scan_of(held, args + 1, &s) || !(out = WRITE(args[9], F32, 1, "out")))
        goto done;
    if (out->shape[0] != s.count * LANES) {
        refused("out: expected room for 8 scores a block");
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    status = path->estimates(&s, out->buf);
    Py_END_ALLOW_THREADS
    found = answer(status, out->shape[0]);
done:
    free(s.room);
    release(held);
    return found;
}

/* (path, rows, row_scales, picked, query, out) -> count */
static PyObject *rerank(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Held views = {.n = 0}, *held = &views;
    PyObject *found = NULL;
    float *room = NULL;
    Rows r;
    int status;
    const Py_buffer *picked, *query, *out;
    const Path *path = counted(nargs, 6) ? path_of(args[0]) : NULL;
    if (!path || !rows_of(held, args[1], args[2], &r) ||
        !(picked = READ(args[3], I64, 1, "picked")) || !(query = READ(args[4], F32, 1, "query")) ||
        !(out = WRITE(args[5], F32, 1, "out")))
        goto done;
    r.picked = picked->buf;
    r.count = picked->shape[0];
    if (query->shape[0] != r.dim || out->shape[0] != r.count) {
        refused("expected a query of the rows' dimension and room for a score each");
        goto done;
    }
    room = calloc((size_t)r.padded_dim, 2 * sizeof *room);
    if (!room) {
        PyErr_NoMemory();
        goto done;
    }
    r.query = memcpy(room, query->buf, (size_t)query->len);
    r.padded = r.padded_dim > r.dim ? (char *)(room + r.padded_dim) : NULL;
    Py_BEGIN_ALLOW_THREADS
    status = path->rerank(&r, out->buf);
    Py_END_ALLOW_THREADS
    found = answer(status, r.count);
done:
    free(room);
    release(held);
    return found;
}

#include "_kernel_pack.h"

/* ------------------------------------------------------------------ the module */

#define METHOD(name, function) {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, NULL}
static PyMethodDef methods[] = {
    METHOD("prepare", prepare), METHOD("route", route),         METHOD("select", select_best),
    METHOD("scan", scan),       METHOD("estimates", estimates), METHOD("rerank", rerank),
    METHOD("hold", hold_pack),  METHOD("candidates", candidates), METHOD("nearest", nearest),
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module)
{
    PyObject *paths = PyDict_New();
    for (long i = 0; paths && i < N_PATHS; i++)
        if (PATHS[i]->supported()) {
            PyObject *place = PyLong_FromLong(i);
            if (!place || PyDict_SetItemString(paths, PATHS[i]->name, place) < 0)
                Py_CLEAR(paths);
            Py_XDECREF(place);
        }
    const int status = PyModule_AddObjectRef(module, "PATHS", paths);
    Py_XDECREF(paths);
    return status < 0 ? -1 : PyModule_AddIntConstant(module, "ABI", ABI);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, fill},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED}, /* there is no state to share */
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_kernel",
    .m_doc = "The compiled steps of a query. See kernel.py.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&definition); }
