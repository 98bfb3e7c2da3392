/* Looks for an expression in bytes of UTF-8, as RE2 does: the leftmost body, and of those that begin
 * there the one that the expression prefers. The steps are made by program.py.
 *
 * A search follows one way through the steps and keeps the others on a stack. Steps never lead back,
 * so that it ends; where it takes many, it is begun anew with a note of each step and place that was
 * tried, so that none is tried twice (as in RE2's BitState). Most places are told by a look at one
 * byte: each step has a table of those that may come. */

#include "matcher_look.h"

enum { CHAR, RUN, LAZY, SPLIT, SAVE, EDGE, LOOK, START, STOP, FOUND };
enum { NUMBERS = 7, PLAIN = 128, TABLE = 257, END = 256, ENDLESS = INT32_MAX };
/* Without notes: what a usual search takes is far below. */
enum { STEPS_FREE = 1024 };
/* A search over more gives way to other threads. */
enum { LONG = 16384 };
enum { STACK = 48, RUN_KNOWN = 16 };
/* So many values are rejected in one search: whoever counts what a text costs gets a turn. */
enum { REJECTED_MOST = 8 };
enum { IS_FIRST = 1, IS_WIDE = 2 };
/* So many places are looked at one by one before it is 32 at a time: where candidates are dense. */
enum { NEAR = 12 };

typedef struct {
    uint8_t plain[PLAIN];
    int ranges;
    const uint32_t *beyond; /* pairs of code points */
} Class;

typedef struct {
    int kind, escapes;
    int32_t least, most;
    int32_t following, other;
    const Class *chars;
    const uint8_t *ahead;
} Step;

typedef struct {
    PyObject_HEAD
    PyObject *parts; /* what the tables point into */
    PyObject *judge; /* False of it rejects a value. NULL for none */
    int within;      /* it is told the bytes and the places of the value in them, not the value */
    Step *steps;
    Class *classes;
    const Class *alone, *apart;
    int32_t count, sole, narrowed;
    int64_t longest; /* bytes of a body at most */
    /* What may be the first byte of a body, and may stand around it; IS_WIDE where the second is not told. */
    uint8_t before[TABLE], first[TABLE], second[TABLE];
    Look look; /* the same */
    /* One of these bytes stands from `low` to `high` bytes behind where a body begins (required.py);
     * `high` is 0 where none is known. */
    uint8_t required[BYTES];
    Rows required_rows;
    Py_ssize_t low, high;
} Matcher;

/* -- characters */

/* A character of more than one byte; -1 and one byte where it is none. */
static int32_t decoded(const uint8_t *data, Py_ssize_t at, Py_ssize_t size, int *bytes) {
    uint8_t first = data[at];
    int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    *bytes = 1;
    if (first < 0xC0 || at + more >= size) return -1;
    int32_t point = first & (0x3F >> more);
    for (int n = 1; n <= more; n++) {
        if ((data[at + n] & 0xC0) != 0x80) return -1;
        point = point << 6 | (data[at + n] & 0x3F);
    }
    *bytes = more + 1;
    return point;
}

static int holds(const Class *c, int32_t point) {
    int low = 0, high = c->ranges;
    while (low < high) {
        int middle = (low + high) / 2;
        if ((int32_t)c->beyond[2 * middle + 1] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->ranges && (int32_t)c->beyond[2 * low] <= point;
}

/* The bytes of the character at `at` if it is of the class, else 0. */
static inline int taken(const Class *c, const uint8_t *data, Py_ssize_t at, Py_ssize_t size) {
    if (at >= size) return 0;
    uint8_t byte = data[at];
    if (byte < PLAIN) return c->plain[byte];
    if (!c->ranges) return 0;
    int bytes;
    int32_t point = decoded(data, at, size, &bytes);
    return point >= 0 && holds(c, point) ? bytes : 0;
}

static inline int is_word(uint8_t byte) {
    return byte < PLAIN && (Py_ISALNUM(byte) || byte == '_');
}

/* Where the character before `at` begins. */
static inline Py_ssize_t back(const uint8_t *data, Py_ssize_t at) {
    do at--;
    while (at > 0 && (data[at] & 0xC0) == 0x80);
    return at;
}

static int may_stand_before(const Matcher *m, const uint8_t *data, Py_ssize_t at) {
    if (!m->alone || !at) return 1;
    Py_ssize_t before = back(data, at);
    if (taken(m->alone, data, before, at)) return 1;
    if (!m->apart || !taken(m->apart, data, before, at)) return 0;
    return !before || !Py_ISDIGIT(data[back(data, before)]);
}

/* -- one search */

typedef struct {
    int32_t step;         /* to go on with; of a run the step itself */
    Py_ssize_t at, limit; /* of a run: the end that was tried, and the last that may be */
    Py_ssize_t start, stop;
} Other;

typedef struct {
    const Matcher *m;
    PyObject *text;
    const uint8_t *data; /* of the text */
    Py_ssize_t size, first;
    Py_ssize_t start, stop; /* of the value */
    Py_ssize_t low, high;   /* the ends of a run that it begins with, where they are known; else -1 */
    Other *others, own[STACK];
    Py_ssize_t many, room;
    uint8_t *notes; /* a bit for each step and place from `first` on, or NULL */
    Py_ssize_t width;
    int failed; /* no memory, or an exception is set */
    int rejected;
    Py_ssize_t landmark; /* the first required byte from the place on that was asked about last */
    const Step *known; /* of this run it is known that these bytes are of its class, and ASCII */
    Py_ssize_t known_from, known_to;
} Try;

static inline int ahead(const Try *t, const Step *s, Py_ssize_t at) {
    return s->ahead[at < t->size ? t->data[at] : END];
}

static int keep(Try *t, int32_t step, Py_ssize_t at, Py_ssize_t limit) {
    if (t->many == t->room) {
        Py_ssize_t room = t->room * 4;
        Other *more = t->others == t->own ? NULL : t->others;
        more = PyMem_RawRealloc(more, room * sizeof *more);
        if (!more) {
            t->failed = 1;
            return 0;
        }
        if (t->others == t->own) memcpy(more, t->own, sizeof t->own);
        t->others = more;
        t->room = room;
    }
    t->others[t->many++] = (Other){step, at, limit, t->start, t->stop};
    return 1;
}

/* Whether a step was tried at a place before; notes that it is now. */
static inline int tried(Try *t, int32_t step, Py_ssize_t at) {
    if (!t->notes) return 0;
    Py_ssize_t bit = step * t->width + at - t->first;
    uint8_t mask = (uint8_t)(1 << (bit & 7)), *byte = &t->notes[bit >> 3];
    int known = *byte & mask;
    *byte |= mask;
    return known;
}

/* A line or tab as JSON and most languages write it. */
static inline int is_escape(const Try *t, Py_ssize_t at) {
    if (t->data[at] != '\\' || at + 1 >= t->size) return 0;
    uint8_t next = t->data[at + 1];
    return next == 'n' || next == 'r' || next == 't';
}

/* The ends of a run from `at` on, as many characters as it may have; -1 if it is too short. Values of a
 * text may begin within one another, so that what the last run took is not looked at again. */
static Py_ssize_t run(Try *t, const Step *s, Py_ssize_t at, Py_ssize_t *least_end) {
    const Class *c = s->chars;
    int32_t count = 0;
    Py_ssize_t limit = t->size, from = *least_end = at;
    if (t->known == s && at >= t->known_from && at < t->known_to) {
        Py_ssize_t many = t->known_to - at;
        count = many < s->most ? (int32_t)many : s->most;
        at += count;
        if (count >= s->least) *least_end = from + s->least;
    }
    while (count < s->most && at < limit) {
        uint8_t byte = t->data[at];
        int bytes = byte < PLAIN ? c->plain[byte] : taken(c, t->data, at, limit);
        if (!bytes) {
            if (!s->escapes || !is_escape(t, at)) break;
            bytes = 2;
        }
        at += bytes;
        if (++count == s->least) *least_end = at;
    }
    int is_known = count >= RUN_KNOWN && at - from == count && !s->escapes;
    if (is_known) t->known = s, t->known_from = from, t->known_to = at;
    return count < s->least ? -1 : at;
}

/* The last end of a run, from `at` back to `limit`, behind which what follows may come; or -1. */
static inline Py_ssize_t end_before(const Try *t, const Step *next, Py_ssize_t at, Py_ssize_t limit) {
    while (!ahead(t, next, at)) {
        if (at <= limit) return -1;
        at = back(t->data, at);
    }
    return at;
}

/* The first end of a lazy run, from `at` on to `limit`. */
static inline Py_ssize_t end_behind(const Try *t, const Step *next, Py_ssize_t at, Py_ssize_t limit) {
    while (!ahead(t, next, at)) {
        if (at >= limit) return -1;
        do at++;
        while (at < limit && (t->data[at] & 0xC0) == 0x80);
    }
    return at;
}

/* Goes on with an end of a run behind which the next step may come; -1 where there is none. */
static Py_ssize_t choose(Try *t, int32_t step, Py_ssize_t at, Py_ssize_t limit) {
    const Step *s = &t->m->steps[step], *next = &t->m->steps[s->following];
    if (s->kind == RUN) {
        at = end_before(t, next, at, limit);
        if (at > limit && !keep(t, step, at, limit)) return -1;
    } else {
        at = end_behind(t, next, at, limit);
        if (at >= 0 && at < limit && !keep(t, step, at, limit)) return -1;
    }
    return at;
}

/* The next of what was kept: the place to go on at, and the step; -1 if there is none. */
static Py_ssize_t resume(Try *t, int32_t *step) {
    while (t->many && !t->failed) {
        Other other = t->others[--t->many];
        const Step *s = &t->m->steps[other.step];
        t->start = other.start;
        t->stop = other.stop;
        Py_ssize_t at = other.at;
        if ((s->kind != RUN && s->kind != LAZY) || other.limit < 0) { /* a branch, which a run may begin */
            *step = other.step;
            return at;
        }
        if (s->kind == RUN) {
            at = back(t->data, at);
        } else {
            do at++;
            while (at < other.limit && (t->data[at] & 0xC0) == 0x80);
        }
        at = choose(t, other.step, at, other.limit);
        if (at >= 0) {
            *step = s->following;
            return at;
        }
    }
    return -1;
}

enum { NO_BODY = -1, TOO_MANY = -2, PAUSED = -3 };

/* The end of the body that begins at t->first. */
static Py_ssize_t body(Try *t) {
    const Matcher *m = t->m;
    int32_t step = m->count - 1;
    Py_ssize_t at = t->first;
    int left = STEPS_FREE;
    t->many = 0;
    t->start = t->stop = -1;
    if (t->high >= 0) {
        at = m->steps[step].kind == RUN ? choose(t, step, t->high, t->low) : choose(t, step, t->low, t->high);
        if (at < 0) return NO_BODY;
        step = m->steps[step].following;
    }
    for (;;) {
        const Step *s = &m->steps[step];
        int on = ahead(t, s, at);
        if (--left < 0 && !t->notes) return TOO_MANY;
        if (on) {
            switch (s->kind) {
            case CHAR: {
                int bytes = taken(s->chars, t->data, at, t->size);
                at += bytes;
                on = bytes;
                break;
            }
            case RUN:
            case LAZY: {
                Py_ssize_t low, high = tried(t, step, at) ? -1 : run(t, s, at, &low);
                on = 0;
                if (high >= 0) {
                    at = s->kind == RUN ? choose(t, step, high, low) : choose(t, step, low, high);
                    on = at >= 0;
                }
                break;
            }
            case SPLIT:
                if (tried(t, step, at)) {
                    on = 0;
                } else if (!ahead(t, &m->steps[s->following], at)) {
                    step = s->other;
                    continue;
                } else if (ahead(t, &m->steps[s->other], at) && !keep(t, s->other, at, -1)) {
                    on = 0;
                }
                break;
            case SAVE:
                *(s->least ? &t->stop : &t->start) = at;
                break;
            case EDGE:
                on = is_word(at ? t->data[at - 1] : 0) != is_word(at < t->size ? t->data[at] : 0);
                break;
            case LOOK:
                on = at >= t->size || taken(s->chars, t->data, at, t->size);
                break;
            case START:
                on = !at;
                break;
            case STOP:
                on = at >= t->size;
                break;
            default:
                return at;
            }
        }
        if (on) {
            step = s->following;
        } else {
            at = resume(t, &step);
            if (at < 0) return NO_BODY;
        }
    }
}

/* The same with notes of what was tried. */
static Py_ssize_t body_noted(Try *t) {
    Py_ssize_t rest = t->size - t->first;
    t->width = (t->m->longest < rest ? (Py_ssize_t)t->m->longest : rest) + 1;
    t->notes = PyMem_RawCalloc((size_t)t->m->count * (size_t)t->width / 8 + 1, 1);
    if (!t->notes) {
        t->failed = 1;
        return NO_BODY;
    }
    Py_ssize_t end = body(t);
    PyMem_RawFree(t->notes);
    t->notes = NULL;
    return end;
}

/* Whether a body may begin at `at`, as far as three bytes tell. Without a branch for each: in texts of
 * letters and digits nobody foretells them. */
static inline int may_start(const Matcher *m, uint8_t before, uint8_t byte, uint8_t next) {
    uint8_t first = m->first[byte];
    return first & m->before[before] & (m->second[next] | first >> 1);
}

static inline int may_start_at(const Matcher *m, const uint8_t *data, Py_ssize_t at, Py_ssize_t size) {
    const uint8_t first = m->first[data[at]];
    return first & m->before[at ? data[at - 1] : END] &
        (m->second[at + 1 < size ? data[at + 1] : END] | first >> 1);
}

/* The first place from `at` on and before `stop` where a body may begin as far as the bytes around it
 * tell, or `stop`. */
static inline Py_ssize_t next_likely(
    const Matcher *m, const uint8_t *data, Py_ssize_t at, Py_ssize_t stop, Py_ssize_t size) {
    if (m->sole >= 0) {
        while (at < stop) {
            const uint8_t *found = memchr(data + at, m->sole, (size_t)(stop - at));
            if (!found) return stop;
            at = found - data;
            if (may_start_at(m, data, at, size)) return at;
            at++;
        }
        return at;
    }
    if (at < stop && !at) {
        if (may_start_at(m, data, at, size)) return at;
        at++;
    }
    Py_ssize_t inner = stop < size ? stop : size - 1, near = at + NEAR;
    while (at < inner && at < near && !may_start(m, data[at - 1], data[at], data[at + 1])) at++;
    if (at == near && is_wide) at = pass_over(&m->look, data, at, inner);
    while (at < inner && !may_start(m, data[at - 1], data[at], data[at + 1])) at++;
    while (at < stop && !may_start_at(m, data, at, size)) at++;
    return at;
}

/* The first required byte from `at` on and before `stop`, or `stop`. */
static Py_ssize_t next_required(const Matcher *m, const uint8_t *data, Py_ssize_t at, Py_ssize_t stop) {
    if (is_wide) at = pass_others(&m->required_rows, data, at, stop);
    while (at < stop && !m->required[data[at]]) at++;
    return at;
}

/* The same as far as required bytes tell as well. */
static inline Py_ssize_t next_start(Try *t, Py_ssize_t at, Py_ssize_t stop) {
    const Matcher *m = t->m;
    for (;;) {
        at = next_likely(m, t->data, at, stop, t->size);
        if (!m->high || at >= stop) return at;
        if (t->landmark < at + m->low) {
            Py_ssize_t end = stop < t->size - m->high ? stop + m->high : t->size;
            t->landmark = next_required(m, t->data, at + m->low < end ? at + m->low : end, end);
            if (t->landmark == end) return stop;
        }
        if (t->landmark - at <= m->high) return at;
        at = t->landmark - m->high;
    }
}

static Py_ssize_t body_at(Try *t, Py_ssize_t at) {
    t->first = at;
    Py_ssize_t end = body(t);
    return end == TOO_MANY ? body_noted(t) : end;
}

/* Whether the value of a body is rejected. A text may be full of such, so they are not brought out. What
 * is not ASCII is left to others. */
static int is_rejected(Try *t, Py_ssize_t end) {
    const Matcher *m = t->m;
    if (!m->judge) return 0;
    Py_ssize_t start = m->narrowed ? t->start : t->first, stop = m->narrowed ? t->stop : end;
    if (start < 0) return 0;
    uint8_t all = 0;
    for (Py_ssize_t at = start; at < stop; at++) all |= t->data[at];
    if (all >= PLAIN) return 0;
    PyObject *value = m->within ? NULL : PyUnicode_New(stop - start, PLAIN - 1), *answer = NULL;
    if (m->within) {
        answer = PyObject_CallFunction(m->judge, "Onn", t->text, start, stop);
    } else if (value) {
        memcpy(PyUnicode_1BYTE_DATA(value), t->data + start, (size_t)(stop - start));
        answer = PyObject_CallOneArg(m->judge, value);
        Py_DECREF(value);
    }
    t->failed = !answer;
    Py_XDECREF(answer);
    return answer == Py_False;
}

/* The body that begins first from `at` on and before `stop`: where it ends, or -1. */
static Py_ssize_t leftmost(Try *t, Py_ssize_t at, Py_ssize_t stop) {
    /* Only where nothing has to come a body may begin at the end. */
    int at_end = stop > t->size && t->m->steps[t->m->count - 1].ahead[END];
    if (stop > t->size) stop = t->size;
    t->high = -1;
    for (;; at++) {
        at = next_start(t, at, stop);
        if (at >= stop && (at > t->size || !at_end)) return NO_BODY;
        if (!may_stand_before(t->m, t->data, at)) continue;
        Py_ssize_t end = body_at(t, at);
        if (end >= 0 && is_rejected(t, end)) {
            if (++t->rejected == REJECTED_MOST) return PAUSED;
            continue;
        }
        if (end >= 0 || t->failed) return end;
    }
}

/* The same of an expression that begins with a run. A text may be one long run, of which each place is a
 * beginning: each end is tried once, because what follows does not depend on where the run began, and
 * each byte of the run is looked at once. */
static Py_ssize_t leftmost_run(Try *t, Py_ssize_t at, Py_ssize_t stop) {
    const Step *s = &t->m->steps[t->m->count - 1];
    const uint8_t *data = t->data, *plain = s->chars->plain;
    Py_ssize_t end = at, tried_to = at - 1; /* the run up to `end` is known */
    if (stop > t->size) stop = t->size;
    for (;; at++) {
        at = next_start(t, at, stop);
        if (at >= stop) return NO_BODY;
        if (end < at) {
            end = at;
            tried_to = at - 1;
        }
        while (end < t->size && end - at < s->most && data[end] < PLAIN && plain[data[end]]) end++;
        if (end < t->size && end - at < s->most && data[end] >= PLAIN) { /* not ASCII */
            t->high = -1;
        } else {
            t->high = end;
            t->low = at + s->least > tried_to ? at + s->least : tried_to + 1;
            if (t->low > end) continue;
        }
        if (!may_stand_before(t->m, data, at)) continue;
        Py_ssize_t found = body_at(t, at);
        if (found >= 0 && is_rejected(t, found)) {
            if (++t->rejected == REJECTED_MOST) return PAUSED;
            continue;
        }
        if (found >= 0 || t->failed) return found;
        if (t->high >= 0) tried_to = end;
    }
}

static PyObject *search(Matcher *self, PyObject *const *args, Py_ssize_t many) {
    if (many != 3 || !PyBytes_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "search(data, start, stop) looks through bytes");
        return NULL;
    }
    Py_ssize_t start = PyLong_AsSsize_t(args[1]), stop = PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred()) return NULL;
    Try t = {.m = self, .text = args[0], .data = (const uint8_t *)PyBytes_AS_STRING(args[0]),
             .size = PyBytes_GET_SIZE(args[0]), .room = STACK, .landmark = -1};
    t.others = t.own;
    if (start < 0) start = 0;
    const Step *entry = &self->steps[self->count - 1];
    int runs = (entry->kind == RUN || entry->kind == LAZY) && !entry->escapes && entry->most < ENDLESS;
    Py_ssize_t (*look)(Try *, Py_ssize_t, Py_ssize_t) = runs ? leftmost_run : leftmost;
    Py_ssize_t end;
    int is_long = stop - start > LONG || (self->longest >= ENDLESS && t.size - start > LONG);
    if (is_long && !self->judge) {
        Py_BEGIN_ALLOW_THREADS;
        end = look(&t, start, stop);
        Py_END_ALLOW_THREADS;
    } else {
        end = look(&t, start, stop);
    }
    if (t.others != t.own) PyMem_RawFree(t.others);
    if (t.failed) return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    if (end == PAUSED) return Py_BuildValue("(niii)", t.first + 1, -1, -1, -1);
    if (end < 0) Py_RETURN_NONE;
    return Py_BuildValue("(nnnn)", t.first, end, t.start, t.stop);
}

/* -- what it is made of */

/* Classes and tables point into `parts`, which is kept. */
static int read_classes(Matcher *m, PyObject *classes) {
    Py_ssize_t many = PySequence_Fast_GET_SIZE(classes);
    m->classes = PyMem_RawCalloc((size_t)many + 1, sizeof *m->classes);
    if (!m->classes) return -1;
    for (Py_ssize_t n = 0; n < many; n++) {
        const char *plain, *beyond;
        Py_ssize_t size, bytes;
        if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(classes, n), "y#y#", &plain, &size, &beyond, &bytes))
            return -1;
        if (size != PLAIN || bytes % 8) {
            PyErr_SetString(PyExc_ValueError, "a class has 128 bytes, and pairs of code points");
            return -1;
        }
        memcpy(m->classes[n].plain, plain, PLAIN);
        m->classes[n].ranges = (int)(bytes / 8);
        m->classes[n].beyond = (const uint32_t *)beyond;
    }
    return 0;
}

static int read_step(Matcher *m, Py_ssize_t number, const int32_t *n, PyObject *classes, PyObject *tables) {
    Step *s = &m->steps[number];
    int is_last = n[0] == FOUND, has_class = n[0] == CHAR || n[0] == RUN || n[0] == LAZY || n[0] == LOOK;
    int right = n[0] >= CHAR && n[0] <= FOUND && n[6] >= 0 && n[6] < PySequence_Fast_GET_SIZE(tables) &&
        (is_last || (n[4] >= 0 && n[4] < number)) &&
        (n[0] != SPLIT || (n[5] >= 0 && n[5] < number)) &&
        (!has_class || (n[1] >= 0 && n[1] < PySequence_Fast_GET_SIZE(classes)));
    PyObject *table = right ? PySequence_Fast_GET_ITEM(tables, n[6]) : NULL;
    if (!right || !PyBytes_Check(table) || PyBytes_GET_SIZE(table) != TABLE) {
        PyErr_SetString(PyExc_ValueError, "each step follows from what was made before it");
        return -1;
    }
    *s = (Step){n[0], has_class && n[5] > 0, n[2], n[3], n[4], n[5], has_class ? &m->classes[n[1]] : NULL,
                (const uint8_t *)PyBytes_AS_STRING(table)};
    return 0;
}

/* The one byte that a body begins with, or -1 where there are several. */
static int32_t sole_byte(const uint8_t *may) {
    int32_t found = -1;
    for (int byte = 0; byte < END; byte++) {
        if (!may[byte]) continue;
        if (found >= 0) return -1;
        found = byte;
    }
    return found;
}

/* What may stand before a body as far as one byte tells, and the end for the beginning of the text. */
static void fill_before(Matcher *m) {
    const uint8_t *may = m->steps[m->count - 1].ahead;
    for (int byte = 0; byte < TABLE; byte++) {
        m->first[byte] = !may[byte] ? 0 : byte < PLAIN ? IS_FIRST : IS_FIRST | IS_WIDE;
        m->before[byte] = byte >= PLAIN || !m->alone || m->alone->plain[byte] ||
            (m->apart && m->apart->plain[byte]);
    }
}

static void add_class(uint8_t *table, const Class *c) {
    for (int byte = 0; byte < END; byte++) table[byte] |= byte < PLAIN ? c->plain[byte] : c->ranges > 0;
}

static void add_table(uint8_t *table, const uint8_t *more) {
    for (int byte = 0; byte < TABLE; byte++) table[byte] |= more[byte];
}

/* Adds what may be the second byte where the first one is taken by this step or by one behind it. */
static void add_second(Matcher *m, int32_t number, uint8_t *seen) {
    const Step *s = &m->steps[number];
    if (seen[number]) return;
    seen[number] = 1;
    switch (s->kind) {
    case CHAR:
        add_table(m->second, m->steps[s->following].ahead);
        break;
    case RUN:
    case LAZY:
        if (s->most > 1) add_class(m->second, s->chars);
        if (s->least < 2) add_table(m->second, m->steps[s->following].ahead);
        if (!s->least) add_second(m, s->following, seen);
        break;
    case SPLIT:
        add_second(m, s->other, seen);
        add_second(m, s->following, seen);
        break;
    case SAVE:
    case EDGE:
        add_second(m, s->following, seen);
        break;
    default:
        memset(m->second, 1, TABLE);
    }
}

static int fill_second(Matcher *m) {
    uint8_t *seen = PyMem_RawCalloc((size_t)m->count, 1);
    if (!seen) return -1;
    add_second(m, m->count - 1, seen);
    PyMem_RawFree(seen);
    return 0;
}

/* `required` is a table, and how far behind the beginning; or nothing. */
static int read_required(Matcher *m, PyObject *required) {
    const char *table;
    Py_ssize_t size;
    if (required == Py_None) return 0;
    if (!PyArg_ParseTuple(required, "y#nn", &table, &size, &m->low, &m->high)) return -1;
    if (size != TABLE || m->low < 0 || m->high < 1 || m->high < m->low) {
        PyErr_SetString(PyExc_ValueError, "a required byte has a table, and stands behind the beginning");
        return -1;
    }
    memcpy(m->required, table, BYTES);
    fill_rows(&m->required_rows, m->required);
    return 0;
}

static int read_all(Matcher *m, PyObject *steps, PyObject *classes, PyObject *tables, int alone, int apart) {
    Py_ssize_t size = PyBytes_GET_SIZE(steps), many = size / (NUMBERS * 4);
    Py_ssize_t known = PySequence_Fast_GET_SIZE(classes);
    const int32_t *numbers = (const int32_t *)PyBytes_AS_STRING(steps);
    if (!many || size % (NUMBERS * 4) || alone >= known || apart >= known) {
        PyErr_SetString(PyExc_ValueError, "a step has seven numbers");
        return -1;
    }
    m->steps = PyMem_RawCalloc((size_t)many, sizeof *m->steps);
    m->count = (int32_t)many;
    if (!m->steps || read_classes(m, classes) < 0) return -1;
    for (Py_ssize_t n = 0; n < many; n++) {
        if (read_step(m, n, numbers + n * NUMBERS, classes, tables) < 0) return -1;
        const Step *s = &m->steps[n];
        /* No way takes a step twice, and no character has more than four bytes. */
        m->narrowed |= s->kind == SAVE;
        m->longest += s->kind == CHAR ? 4 : s->kind == RUN || s->kind == LAZY ? 4 * (int64_t)s->most : 0;
    }
    m->alone = alone < 0 ? NULL : &m->classes[alone];
    m->apart = apart < 0 ? NULL : &m->classes[apart];
    m->sole = sole_byte(m->steps[many - 1].ahead);
    fill_before(m);
    if (fill_second(m) < 0) return -1;
    fill_rows(&m->look.before, m->before);
    fill_rows(&m->look.first, m->first);
    fill_rows(&m->look.second, m->second);
    return 0;
}

static int matcher_init(Matcher *self, PyObject *args, PyObject *Py_UNUSED(names)) {
    PyObject *steps, *classes, *tables, *required, *judge = Py_None;
    int alone, apart;
    if (!PyArg_ParseTuple(args, "SOO(ii)O|Op", &steps, &classes, &tables, &alone, &apart, &required, &judge,
                          &self->within))
        return -1;
    if (self->parts) {
        PyErr_SetString(PyExc_ValueError, "a matcher is made once");
        return -1;
    }
    classes = PySequence_Tuple(classes);
    tables = classes ? PySequence_Tuple(tables) : NULL;
    self->parts = tables ? PyTuple_Pack(2, classes, tables) : NULL;
    self->judge = judge == Py_None ? NULL : Py_NewRef(judge);
    int made = self->parts ? read_all(self, steps, classes, tables, alone, apart) : -1;
    if (!made) made = read_required(self, required);
    Py_XDECREF(classes);
    Py_XDECREF(tables);
    if (made < 0 && !PyErr_Occurred()) PyErr_NoMemory();
    return made;
}

static void matcher_dealloc(Matcher *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyMem_RawFree(self->steps);
    PyMem_RawFree(self->classes);
    Py_XDECREF(self->parts);
    Py_XDECREF(self->judge);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef matcher_methods[] = {
    {"search", (PyCFunction)(void (*)(void))search, METH_FASTCALL,
     "search(data, start, stop): the first body that begins at start or later and before stop, and whose "
     "value is not rejected, and that value, as four places; None if there is none. After eight "
     "values that were rejected the place to go on at, and -1."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot matcher_slots[] = {
    {Py_tp_init, matcher_init},
    {Py_tp_dealloc, matcher_dealloc},
    {Py_tp_methods, matcher_methods},
    {Py_tp_doc, "Matcher(steps, classes, tables, before, required, judge=None, within=False): see program.py."},
    {0, NULL},
};

static PyType_Spec matcher_spec = {
    .name = "gateway.scan._matcher.Matcher",
    .basicsize = sizeof(Matcher),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = matcher_slots,
};

static int module_exec(PyObject *module) {
    is_wide = HAS_WIDE;
    PyObject *type = PyType_FromSpec(&matcher_spec);
    if (!type) return -1;
    int added = PyModule_AddObjectRef(module, "Matcher", type);
    Py_DECREF(type);
    return added;
}

static PyMethodDef module_methods[] = {USE_WIDE, {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._matcher",
    .m_doc = "Searches of single expressions in C.",
    .m_size = 0,
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__matcher(void) { return PyModuleDef_Init(&module_def); }
