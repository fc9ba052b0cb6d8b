/* Arguments from Python: arrays through the buffer protocol, so that one binary serves every numpy.
   Everything is checked before it is touched: an array of another dtype, shape or layout, or a
   number out of range, is a ValueError. */

#ifndef ROUTEMEM_KERNEL_ARGUMENTS_H
#define ROUTEMEM_KERNEL_ARGUMENTS_H

#define MOST_VIEWS 12

/* The arrays of one call, held until it ends; or those of a pack, held as long as it is. */
typedef struct {
    Py_buffer views[MOST_VIEWS];
    int n;
} Held;

static void release(Held *held)
{
    while (held->n)
        PyBuffer_Release(&held->views[--held->n]);
}

/* Set a ValueError, unless there is an error already. Returns 0. */
static int refused(const char *what)
{
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, what);
    return 0;
}

/* Dtypes as the buffer protocol spells them: the C types that have this size on some platform. */
#define F32 "f", 4
#define F16 "e", 2
#define I8 "b", 1
#define U8 "B", 1
#define U16 "H", 2
#define U32 "IL", 4
#define I64 "ql", 8
#define U64 "QL", 8

static int is_of(const Py_buffer *view, const char *letters, Py_ssize_t itemsize)
{
    const char *format = view->format ? view->format : "B";
    if (*format == '@' || *format == '=' || *format == '<')
        format++;
    return *format && !format[1] && strchr(letters, *format) && view->itemsize == itemsize;
}

/* Any C-contiguous array of `ndim` dimensions; NULL with an error set if it is none. */
static const Py_buffer *hold_any(Held *held, PyObject *object, int ndim, int writable,
                                 const char *what)
{
    Py_buffer *view = &held->views[held->n];
    const int flags = PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, view, flags) < 0) {
        if (PyErr_ExceptionMatches(PyExc_BufferError) || PyErr_ExceptionMatches(PyExc_TypeError) ||
            PyErr_ExceptionMatches(PyExc_ValueError)) {
            PyErr_Clear();
            refused(what);
        }
        return NULL;
    }
    held->n++;
    if (view->ndim == ndim)
        return view;
    refused(what);
    return NULL;
}

static const Py_buffer *hold(Held *held, PyObject *object, const char *letters,
                             Py_ssize_t itemsize, int ndim, int writable, const char *what)
{
    const Py_buffer *view = hold_any(held, object, ndim, writable, what);
    if (!view || is_of(view, letters, itemsize))
        return view;
    refused(what);
    return NULL;
}

#define UNFIT(name, ndim) \
    name ": expected a C-contiguous array of " #ndim " dimensions and its dtype in steps.py"
#define READ(object, dtype, ndim, name) hold(held, object, dtype, ndim, 0, UNFIT(name, ndim))
#define WRITE(object, dtype, ndim, name) hold(held, object, dtype, ndim, 1, UNFIT(name, ndim))

static int float_of(PyObject *number, float *value)
{
    const double given = PyFloat_AsDouble(number);
    *value = (float)given;
    return !(given == -1 && PyErr_Occurred());
}

static int counted(Py_ssize_t given, Py_ssize_t expected)
{
    if (given != expected)
        PyErr_Format(PyExc_TypeError, "expected %zd arguments, got %zd", expected, given);
    return given == expected;
}

/* Lay out the planes of a query. Returns 0 if there is no memory. `s->room` is to be freed. */
static int planes_of(Scan *s, const void *planes)
{
    const int64_t n = PLANES * s->words;
    uint64_t *room = s->room = malloc((size_t)n * 3 * sizeof *room);
    if (!room)
        return 0;
    s->planes = memcpy(room, planes, (size_t)n * sizeof *room);
    s->low = room + n;
    s->high = room + 2 * n;
    for (int64_t i = 0; i < n; i++) {
        room[n + i] = room[i] & 0x0f0f0f0f0f0f0f0fu;
        room[2 * n + i] = room[i] >> 4 & 0x0f0f0f0f0f0f0f0fu;
    }
    return 1;
}

/* The arguments of a scan: codes, factors, norms, live, base, blocks, planes, gain. Returns 0 with
   an error set if they do not fit. `s->room` is to be freed. */
static int scan_of(Held *held, PyObject *const *args, Scan *s)
{
    const Py_buffer *codes, *factors, *norms, *live, *base, *blocks = NULL, *planes;
    if (!(codes = READ(args[0], U64, 3, "codes")) || !(factors = READ(args[1], U16, 2, "factors")) ||
        !(norms = READ(args[2], F32, 2, "norms")) || !(live = READ(args[3], U8, 1, "live")) ||
        !(base = READ(args[4], F32, 1, "base")) ||
        (args[5] != Py_None && !(blocks = READ(args[5], I64, 1, "blocks"))) ||
        !(planes = READ(args[6], U64, 2, "planes")) || !float_of(args[7], &s->gain))
        return 0;
    s->total = codes->shape[0];
    s->words = codes->shape[1];
    s->count = base->shape[0];
    if (s->words < 1 || s->words > MOST_WORDS || codes->shape[2] != LANES ||
        planes->shape[0] != PLANES || planes->shape[1] != s->words)
        return refused("expected codes (blocks, words, 8) and planes (4, words)");
    if (factors->shape[0] != s->total || factors->shape[1] != LANES || live->shape[0] != s->total ||
        (norms->shape[0] && norms->shape[0] != s->total) || norms->shape[1] != LANES)
        return refused("expected factors, live lanes and norms (unless empty) of every block");
    if (s->count != (blocks ? blocks->shape[0] : s->total))
        return refused("expected one value of base for every block to scan");
    s->codes = codes->buf;
    s->factors = factors->buf;
    s->live = live->buf;
    s->base = base->buf;
    s->norms = norms->shape[0] ? norms->buf : NULL;
    s->blocks = blocks ? blocks->buf : NULL;
    s->buckets = NULL;
    s->full = (float)(15 * 64 * s->words);
    return planes_of(s, planes->buf) || PyErr_NoMemory() != NULL; /* which is never */
}

/* Level 0 in its three dtypes. Returns 0 with an error set if the arrays do not fit. */
static int rows_of(Held *held, PyObject *rows_given, PyObject *scales_given, Rows *r)
{
    const Py_buffer *rows, *scales;
    if (!(rows = hold_any(held, rows_given, 2, 0, UNFIT("rows", 2))) ||
        !(scales = READ(scales_given, F32, 1, "row_scales")))
        return 0;
    r->rows = rows->buf;
    r->scales = scales->shape[0] ? scales->buf : NULL;
    r->total = rows->shape[0];
    r->dim = rows->shape[1];
    r->kind = is_of(rows, F32) ? ROWS_F32 : is_of(rows, F16) ? ROWS_F16 : ROWS_I8;
    r->padded_dim = (r->dim + GROUP - 1) / GROUP * GROUP;
    if (r->dim < 1 || (r->kind == ROWS_I8 && !is_of(rows, I8)) ||
        scales->shape[0] != (r->kind == ROWS_I8 ? r->total : 0))
        return refused("expected rows of float32, float16 or int8, a scale for each int8 row and "
                       "none for others");
    return 1;
}

/* A rotation of vectors of `dim` components. Returns 0 with an error set if it is none; `*room` is
   to be freed: it holds aligned copies, and `2 * size` floats behind them. */
static int turn_of(Held *held, PyObject *const *args, int64_t dim, Turn *turn, float **room)
{
    const Py_buffer *signs, *left, *right;
    if (!(signs = READ(args[0], F32, 2, "signs")) || !(left = READ(args[1], F32, 3, "left")) ||
        !(right = READ(args[2], F32, 3, "right")))
        return 0;
    const int64_t size = signs->shape[1];
    turn->rounds = signs->shape[0];
    turn->height = left->shape[1];
    turn->width = right->shape[1];
    turn->size = size;
    if (dim < 1 || dim > size || size % 64 || turn->height < 1 || size % turn->height ||
        size / turn->height != turn->width || left->shape[0] != turn->rounds ||
        right->shape[0] != turn->rounds || left->shape[2] != turn->height ||
        right->shape[2] != turn->width)
        return refused("expected the arrays of one rotation and vectors it takes");
    float *copy = *room = malloc((size_t)(2 * size * 4 + signs->len + left->len + right->len));
    if (!copy)
        return PyErr_NoMemory() != NULL; /* never */
    turn->signs = memcpy(copy, signs->buf, (size_t)signs->len);
    turn->left = memcpy(copy += signs->len / 4, left->buf, (size_t)left->len);
    turn->right = memcpy(copy += left->len / 4, right->buf, (size_t)right->len);
    turn->spare = copy + right->len / 4;
    return 1;
}

#endif
