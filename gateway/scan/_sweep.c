/* The model's sums in one pass over a text: what sweep.py computes, n-gram for n-gram, in C.
 *
 * `Tables` holds what a pass reads, `Sweep` is one pass. Both behave as the classes of these names in
 * tables.py and sweep.py, which say what is computed and why; tests compare the two. Everything that
 * is read by an index is checked once, when `Tables` is made: an index is then bounded by its number
 * of bits, or counted from `present`. Only `words` grows with a text.
 */

#include "sweep_block.h"

#include <stddef.h>
#include <structmember.h>

enum { DROP = 0, WORD = 2, SINGLE = 3 };
/* Letters of a word that is read in whole registers; a longer one is read letter by letter. */
enum { LONG_WORD = 32, PART = 512 };
#define ODD ((Py_ssize_t)1 << (8 * sizeof(Py_ssize_t) - 2))
#define PRESENT_BYTES (1 << 17)
#define BLOCKS (PRESENT_BYTES / 4)
#define POINTS (1 << 17)
#define DIGITS 10
#define POWER 0x2C1B3C6Du
#define UNSEEN (-((int64_t)1 << 40))
/* From here on a text is read without the interpreter's lock, so that other threads go on. */
#define UNLOCKED_CHARS 4096

static inline uint32_t point(int kind, const void *data, Py_ssize_t at) {
    if (kind == PyUnicode_1BYTE_KIND) return ((const Py_UCS1 *)data)[at];
    if (kind == PyUnicode_2BYTE_KIND) return ((const Py_UCS2 *)data)[at];
    uint32_t code = ((const Py_UCS4 *)data)[at];
    return code < POINTS ? code : POINTS - 1;
}

static inline uint32_t value_of(const Block *b, uint32_t code) {
    return four(b->values + (size_t)code * 4);
}

/* What stands before the word that begins now, if it is more than spaces. */
static inline uint32_t mark_of(uint32_t first, uint32_t last) {
    return first * 0xAFD9D5ABu + last * 0xEC48C90Du;
}

static inline uint32_t take_gap(Sweep *s) {
    uint32_t mark = s->gap ? mark_of(s->gap_first, s->gap_last) : 0;
    s->gap = 0;
    return mark;
}

static inline void add_word(Block *b, uint32_t word, uint32_t stem, uint32_t mark) {
    b->mark[b->marks] = mark;
    b->marked[b->marks] = (uint8_t)b->words;
    b->marks += mark != 0;
    b->word[BEFORE + b->words] = word;
    b->stem[1 + b->words++] = stem;
    if (b->words == WORDS) flush(b);
}

/* One word: its letters and its hash. In a word that mixes them, digits are read as the letters they
 * stand for. */
static inline void weigh(
    Block *b, int kind, const void *data, Py_ssize_t begin, Py_ssize_t end, int is_mixed
) {
    uint32_t total = 0, stem = 0, power = 1;
    int64_t length = 0;
    for (Py_ssize_t at = begin; at < end; at++) {
        uint32_t code = point(kind, data, at);
        if (b->kinds[code] == DROP) continue;
        if (is_mixed && code - '0' <= 9) code = b->leet[code - '0'];
        uint32_t value = value_of(b, code);
        total += value * power;
        power *= POWER;
        if (++length == STEM) stem = total;
        if (b->letters == LETTERS) flush(b);
        b->owner[REACH + b->letters] = (uint8_t)(b->base + b->words);
        b->value[REACH + b->letters++] = value;
    }
    add_word(b, total, length < STEM ? total : stem, take_gap(b->s));
}

/* Weighs the word that begins here and returns the place after its last character. */
static inline Py_ssize_t one_word(
    Block *b, int kind, const void *data, Py_ssize_t begin, Py_ssize_t stop
) {
    Py_ssize_t end = begin;
    int digits = 0, letters = 0;
    for (Py_ssize_t at = begin; at < stop; at++) {
        uint32_t code = point(kind, data, at);
        uint8_t what = b->kinds[code];
        if (what == WORD) {
            int is_digit = code - '0' <= 9;
            end = at + 1;
            digits |= is_digit;
            letters |= !is_digit;
        } else if (what != DROP) {
            break;
        }
    }
    weigh(b, kind, data, begin, end, digits && letters);
    return end;
}

/* What stands between two words: the first and the last character are a mark. */
static inline void note_gap(Block *b, uint32_t first, uint32_t last) {
    Sweep *s = b->s;
    if (!s->gap) s->gap = 1, s->gap_first = value_of(b, first);
    s->gap_last = value_of(b, last);
}

static inline void run(Block *b, int kind, const void *data, Py_ssize_t at, Py_ssize_t stop) {
    while (at < stop) {
        uint32_t code = point(kind, data, at);
        uint8_t what = b->kinds[code];
        if (what == WORD) {
            at = one_word(b, kind, data, at, stop);
            continue;
        }
        if (what == SINGLE)
            weigh(b, kind, data, at, at + 1, 0);
        else if (what != DROP)
            note_gap(b, code, code);
        at++;
    }
}

#if CAN_BE_WIDE
/* The powers that a word's letters are multiplied with; made when the module is loaded. */
static uint32_t powers[LONG_WORD];

static void make_powers(void) {
    powers[0] = 1;
    for (int i = 1; i < LONG_WORD; i++) powers[i] = powers[i - 1] * POWER;
}

/* A word of ASCII letters alone, eight at a time; `weigh` says what is done. `text` has LANES more. */
WIDE static inline void weigh_plain(Block *b, const uint8_t *text, int length, uint32_t mark) {
    if (b->letters + length > LETTERS) flush(b);
    uint32_t *value = b->value + REACH + b->letters;
    uint8_t *owner = b->owner + REACH + b->letters;
    uint64_t word = (uint64_t)(b->base + b->words) * 0x0101010101010101u;
    __m256i first, total = _mm256_setzero_si256();
    int at = 0;
    do {
        __m256i codes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(text + at)));
        __m256i values = _mm256_i32gather_epi32((const int *)b->values, codes, 4);
        _mm256_storeu_si256((__m256i *)(value + at), values);
        memcpy(owner + at, &word, sizeof word);
        values = _mm256_and_si256(
            _mm256_mullo_epi32(values, eight(powers + at)), first_lanes(length - at));
        if (at == 0) first = values;
        total = _mm256_add_epi32(total, values);
        at += LANES;
    } while (at < length);
    b->letters += length;
    /* The sums of the first four letters and of all. */
    __m128i sums = _mm_hadd_epi32(
        _mm256_castsi256_si128(first),
        _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1)));
    uint64_t both = (uint64_t)_mm_cvtsi128_si64(_mm_hadd_epi32(sums, sums));
    uint32_t fifth = (uint32_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(first, 1));
    add_word(b, (uint32_t)(both >> 32), (uint32_t)both + fifth, mark);
}

/* What stands between separators, in one part of a text: where it begins and ends by turns. */
typedef struct {
    const Tables *tables;
    const uint8_t *text;
    Py_ssize_t stop, end;            /* of the text, and of the newest run that was weighed */
    unsigned char is_within, is_odd; /* the run that goes on */
    int count;
    Py_ssize_t edges[PART + 2 * LANES];
} Runs;

/* Adds the places of the bits that are set, which are told from `at` on. */
WIDE static inline void add_edges(Runs *r, uint64_t bits, Py_ssize_t at) {
    int count = __builtin_popcountll(bits);
    Py_ssize_t *out = r->edges + r->count;
    /* Eight are written without a look at how many there are: what is too much is written over. */
    for (int i = 0; i < count; i += LANES)
        for (int lane = 0; lane < LANES; lane++, bits &= bits - 1)
            out[i + lane] = at + (Py_ssize_t)_tzcnt_u64(bits);
    r->count += count;
}

/* Finds the edges of 64 characters or fewer. The end of a run that asks for a closer look has ODD. */
WIDE static inline void find_edges(Runs *r, Py_ssize_t at) {
    const Tables *t = r->tables;
    uint8_t copy[64] = {0};
    const uint8_t *part = r->text + at;
    uint64_t all = ~(uint64_t)0;
    if (r->stop - at < 64) {
        all >>= 64 - (r->stop - at);
        part = memcpy(copy, part, (size_t)(r->stop - at));
    }
    uint64_t within = in_class_64(part, t->within) & all, odd = in_class_64(part, t->odd) & all;
    uint64_t edges = within ^ (within << 1 | r->is_within);
    int before = r->count;
    add_edges(r, edges, at);
    r->is_within = within >> 63;
    /* Added to the bits of a run, one that is odd carries to where the run ends. */
    unsigned long long sum;
    unsigned carry = __builtin_uaddll_overflow(within, odd, &sum);
    carry |= __builtin_uaddll_overflow(sum, r->is_odd, &sum);
    r->is_odd = (unsigned char)carry;
    for (uint64_t ends = sum & ~within; ends; ends &= ends - 1)
        r->edges[before + __builtin_popcountll(edges & ((ends & -ends) - 1))] |= ODD;
}

/* Weighs what stands between two separators, which may end with ODD. */
WIDE static inline void weigh_run(Block *b, Runs *r, Py_ssize_t begin, Py_ssize_t end) {
    Py_ssize_t length = end - begin, before = r->end;
    r->end = end & ~ODD;
    if (length > LONG_WORD || b->s->gap) { /* as one that is odd seems to be */
        if (begin > before) note_gap(b, r->text[before], r->text[begin - 1]);
        run(b, PyUnicode_1BYTE_KIND, r->text, begin, r->end);
        return;
    }
    uint32_t mark = 0;
    if (begin > before)
        mark = mark_of(value_of(b, r->text[before]), value_of(b, r->text[begin - 1]));
    if (r->stop - end >= LANES) {
        weigh_plain(b, r->text + begin, (int)length, mark);
    } else {
        uint8_t copy[LONG_WORD + LANES] = {0};
        memcpy(copy, r->text + begin, (size_t)length);
        weigh_plain(b, copy, (int)length, mark);
    }
}

WIDE static void run_ascii(Block *b, const uint8_t *text, Py_ssize_t stop) {
    Runs r;
    r.tables = b->s->tables, r.text = text, r.stop = stop;
    r.end = r.is_within = r.is_odd = r.count = 0;
    for (Py_ssize_t at = 0; at < stop;) {
        for (int part = 0; part < PART && at < stop; part += 64, at += 64) find_edges(&r, at);
        int i = 0;
        for (; i + 1 < r.count; i += 2) weigh_run(b, &r, r.edges[i], r.edges[i + 1]);
        r.count -= i;
        if (r.count) r.edges[0] = r.edges[i];
    }
    if (r.count)
        weigh_run(b, &r, r.edges[0], r.is_odd ? stop | ODD : stop);
    if (stop > r.end) note_gap(b, text[r.end], text[stop - 1]);
}
#else
static void make_powers(void) {}
static void run_ascii(Block *b, const uint8_t *text, Py_ssize_t stop) {
    run(b, PyUnicode_1BYTE_KIND, text, 0, stop);
}
#endif

/* Goes on where the pass is: the block begins with what it left. */
static void begin_block(Block *b, Sweep *s, Listing *listing) {
    Tables *t = s->tables;
    b->s = s;
    b->entries = (const uint8_t *)PyBytes_AS_STRING(t->entries);
    b->present = (const uint8_t *)PyBytes_AS_STRING(t->present);
    b->kinds = (const uint8_t *)PyBytes_AS_STRING(t->kinds);
    b->values = (const uint8_t *)PyBytes_AS_STRING(t->values);
    b->leet = (const uint8_t *)PyBytes_AS_STRING(t->leet);
    b->ranks = t->ranks;
    b->listing = listing;
    b->letters = b->words = b->marks = 0;
    b->base = (int)(s->words - s->settled);
    memcpy(b->value, s->recent, sizeof s->recent);
    memcpy(b->owner, s->owner, sizeof s->owner);
    memcpy(b->word, s->before, sizeof s->before);
    b->stem[0] = s->stem;
    memcpy(b->sums, s->pending, sizeof s->pending);
    memset(b->sums + REACH, 0, sizeof b->sums - sizeof s->pending);
    memset(b->added, 0, sizeof b->added);
}

static void end_block(Block *b) {
    Sweep *s = b->s;
    flush(b);
    memcpy(s->recent, b->value, sizeof s->recent);
    memcpy(s->owner, b->owner, sizeof s->owner);
    memcpy(s->before, b->word, sizeof s->before);
    s->stem = b->stem[0];
    memcpy(s->pending, b->sums, sizeof s->pending);
}

static void run_text(Sweep *s, PyObject *text, Listing *listing) {
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t stop = PyUnicode_GET_LENGTH(text);
    int kind = PyUnicode_KIND(text);
    Block b;
    begin_block(&b, s, listing);
    if (is_wide && PyUnicode_IS_ASCII(text))
        run_ascii(&b, data, stop);
    else if (kind == PyUnicode_1BYTE_KIND)
        run(&b, PyUnicode_1BYTE_KIND, data, 0, stop);
    else if (kind == PyUnicode_2BYTE_KIND)
        run(&b, PyUnicode_2BYTE_KIND, data, 0, stop);
    else
        run(&b, PyUnicode_4BYTE_KIND, data, 0, stop);
    end_block(&b);
}

static PyObject *sweep_feed(Sweep *s, PyObject *text) {
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "a pass is fed with str, not %s", Py_TYPE(text)->tp_name);
        return NULL;
    }
    if (PyUnicode_GET_LENGTH(text) < UNLOCKED_CHARS) {
        run_text(s, text, NULL);
        Py_RETURN_NONE;
    }
    Py_BEGIN_ALLOW_THREADS
    run_text(s, text, NULL);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static int add_window(PyObject *found, int64_t sum, int64_t first, int64_t words) {
    PyObject *window =
        Py_BuildValue("LLL", (long long)sum, (long long)first, (long long)words);
    int failed = window == NULL || PyList_Append(found, window) < 0;
    Py_XDECREF(window);
    return failed;
}

static PyObject *sweep_windows(Sweep *s, PyObject *Py_UNUSED(none)) {
    Width width[WIDTHS] = {s->width[0], s->width[1], s->width[2]};
    int64_t total = s->sum;
    for (int64_t word = s->settled; word < s->words; word++) {
        int64_t sum = bounded(s->pending[word - s->settled]);
        total += sum;
        for (int i = 0; i < WIDTHS; i++) widen(&width[i], s->ring, word, widths[i], sum);
    }
    PyObject *found = PyList_New(0);
    if (found == NULL || s->words == 0) return found;
    for (int i = 0; i < WIDTHS; i++) {
        int is_whole = s->words <= widths[i];
        int failed = is_whole ? add_window(found, total, 0, s->words)
                              : add_window(found, width[i].best, width[i].at, widths[i]);
        if (failed) {
            Py_DECREF(found);
            return NULL;
        }
        if (is_whole) break;
    }
    return found;
}

static void sweep_dealloc(Sweep *s) {
    PyTypeObject *type = Py_TYPE(s);
    Py_XDECREF(s->tables);
    type->tp_free(s);
    Py_DECREF(type);
}

static PyObject *sweep_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static char *known[] = {"tables", "tool", NULL};
    PyObject *module = PyType_GetModule(type);
    PyObject *tables;
    int tool;
    if (module == NULL) return NULL;
    PyTypeObject *wanted = *(PyTypeObject **)PyModule_GetState(module);
    if (!PyArg_ParseTupleAndKeywords(args, names, "O!$p:Sweep", known, wanted, &tables, &tool))
        return NULL;
    Sweep *s = (Sweep *)type->tp_alloc(type, 0);
    if (s == NULL) return NULL;
    s->tables = (Tables *)Py_NewRef(tables);
    s->side = tool ? 2 : 3;
    for (int i = 0; i < WIDTHS; i++) s->width[i].best = UNSEEN;
    return (PyObject *)s;
}

/* Where some words stand, counted as a pass counts them: what `place` in passage.py says. */
static void find_words(
    const uint8_t *kinds, PyObject *text, long long first, long long words, Py_ssize_t place[2]
) {
    int kind = PyUnicode_KIND(text), within = 0;
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    long long word = -1; /* the number of the newest */
    for (Py_ssize_t at = 0; at < size; at++) {
        uint8_t what = kinds[point(kind, data, at)];
        if (what == DROP) continue;
        if (what == SINGLE || (what == WORD && !within)) {
            if (++word >= first + words) break;
            if (word == first) place[0] = at;
        }
        within = what == WORD;
        if (word >= first && (within || what == SINGLE)) place[1] = at + 1;
    }
}

static PyObject *tables_place(Tables *t, PyObject *args) {
    PyObject *text;
    long long first, words;
    if (!PyArg_ParseTuple(args, "ULL:place", &text, &first, &words)) return NULL;
    Py_ssize_t place[2] = {0, 0};
    find_words((const uint8_t *)PyBytes_AS_STRING(t->kinds), text, first, words, place);
    return Py_BuildValue("nn", place[0], place[1]);
}

/* Where each word of a text begins and ends, counted as a pass counts them. */
static void place_words(const uint8_t *kinds, PyObject *text, Py_ssize_t (*places)[2]) {
    int kind = PyUnicode_KIND(text), within = 0;
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    long long word = -1; /* the number of the newest */
    for (Py_ssize_t at = 0; at < size; at++) {
        uint8_t what = kinds[point(kind, data, at)];
        if (what == DROP) continue;
        if (what == SINGLE || (what == WORD && !within)) places[++word][0] = at;
        within = what == WORD;
        if (within || what == SINGLE) places[word][1] = at + 1;
    }
}

/* The hits as (begin, end, weight). */
static PyObject *told(const Listing *l, Py_ssize_t (*places)[2], int64_t words) {
    PyObject *found = PyList_New((Py_ssize_t)l->count);
    if (found == NULL) return NULL;
    for (size_t i = 0; i < l->count; i++) {
        const Hit *hit = &l->hits[i];
        int64_t stop = hit->first + hit->span < words ? hit->first + hit->span : words;
        PyObject *one =
            Py_BuildValue("nni", places[hit->first][0], places[stop - 1][1], hit->weight);
        if (one == NULL) {
            Py_DECREF(found);
            return NULL;
        }
        PyList_SET_ITEM(found, (Py_ssize_t)i, one);
    }
    return found;
}

static PyObject *tables_listing(Tables *t, PyObject *args) {
    PyObject *text;
    int tool;
    if (!PyArg_ParseTuple(args, "Up:listing", &text, &tool)) return NULL;
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    Sweep s = {.tables = t, .side = tool ? 2 : 3};
    Listing l = {NULL, 0, 0, 0};
    run_text(&s, text, &l);
    /* No text has more words than characters. */
    Py_ssize_t(*places)[2] = PyMem_Calloc((size_t)size + 1, sizeof *places);
    PyObject *found = NULL;
    if (places == NULL || l.is_short_of_memory) {
        PyErr_NoMemory();
    } else {
        place_words((const uint8_t *)PyBytes_AS_STRING(t->kinds), text, places);
        found = told(&l, places, s.words);
    }
    PyMem_Free(places);
    PyMem_Free(l.hits);
    return found;
}

static void tables_dealloc(Tables *t) {
    PyTypeObject *type = Py_TYPE(t);
    PyMem_Free(t->ranks);
    Py_XDECREF(t->entries);
    Py_XDECREF(t->present);
    Py_XDECREF(t->kinds);
    Py_XDECREF(t->values);
    Py_XDECREF(t->leet);
    type->tp_free(t);
    Py_DECREF(type);
}

/* Separators of ASCII end a run. Within one, what is no letter of a word asks for a closer look. */
static void make_classes(Tables *t) {
    const uint8_t *kinds = (const uint8_t *)PyBytes_AS_STRING(t->kinds);
    for (int code = 0; code < 128; code++) {
        uint8_t what = kinds[code];
        if (what != WORD && what != SINGLE && what != DROP) continue;
        add_to_class(t->within, code);
        if (what != WORD || Py_ISDIGIT(code)) add_to_class(t->odd, code);
    }
}

/* Whether every index that a pass can make lies within its table. */
static int tables_fit(Tables *t) {
    if (PyBytes_GET_SIZE(t->present) != PRESENT_BYTES || PyBytes_GET_SIZE(t->kinds) != POINTS ||
        PyBytes_GET_SIZE(t->values) != POINTS * 4 || PyBytes_GET_SIZE(t->leet) != DIGITS)
        return 0;
    const uint8_t *present = (const uint8_t *)PyBytes_AS_STRING(t->present);
    uint32_t count = 0;
    for (int block = 0; block < BLOCKS; block++) {
        t->ranks[block] = count;
        count += ones(four(present + block * 4));
    }
    return PyBytes_GET_SIZE(t->entries) == (Py_ssize_t)count * 4;
}

static PyObject *tables_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static char *known[] = {"entries", "present", "kinds", "values", "leet", NULL};
    PyObject *entries, *present, *kinds, *values, *leet;
    if (!PyArg_ParseTupleAndKeywords(
            args, names, "SSSSS:Tables", known, &entries, &present, &kinds, &values, &leet))
        return NULL;
    Tables *t = (Tables *)type->tp_alloc(type, 0);
    if (t == NULL) return NULL;
    t->entries = Py_NewRef(entries);
    t->present = Py_NewRef(present);
    t->kinds = Py_NewRef(kinds);
    t->values = Py_NewRef(values);
    t->leet = Py_NewRef(leet);
    t->ranks = PyMem_Calloc(BLOCKS, sizeof *t->ranks);
    if (t->ranks == NULL) {
        Py_DECREF(t);
        return PyErr_NoMemory();
    }
    if (!tables_fit(t)) {
        Py_DECREF(t);
        PyErr_SetString(PyExc_ValueError, "these tables are not of one model: sizes differ");
        return NULL;
    }
    make_classes(t);
    return (PyObject *)t;
}

static PyMemberDef tables_members[] = {
    {"entries", T_OBJECT_EX, offsetof(Tables, entries), READONLY, NULL},
    {"present", T_OBJECT_EX, offsetof(Tables, present), READONLY, NULL},
    {"kinds", T_OBJECT_EX, offsetof(Tables, kinds), READONLY, NULL},
    {"values", T_OBJECT_EX, offsetof(Tables, values), READONLY, NULL},
    {"leet", T_OBJECT_EX, offsetof(Tables, leet), READONLY, NULL},
    {NULL},
};

static PyMethodDef tables_methods[] = {
    {"place", (PyCFunction)tables_place, METH_VARARGS, "place(text, first, words): where they are."},
    {"listing", (PyCFunction)tables_listing, METH_VARARGS, "listing(text, tool): see listing.py."},
    {NULL},
};

static PyType_Slot tables_slots[] = {
    {Py_tp_doc, "What a pass reads: see gateway/scan/tables.py."},
    {Py_tp_new, tables_new},
    {Py_tp_dealloc, tables_dealloc},
    {Py_tp_members, tables_members},
    {Py_tp_methods, tables_methods},
    {0, NULL},
};

static PyMemberDef sweep_members[] = {
    {"words", T_LONGLONG, offsetof(Sweep, words), READONLY, NULL},
    {"known", T_LONGLONG, offsetof(Sweep, known), READONLY, NULL},
    {NULL},
};

static PyMethodDef sweep_methods[] = {
    {"feed", (PyCFunction)sweep_feed, METH_O, "Goes on with a text that ends where a word ends."},
    {"windows", (PyCFunction)sweep_windows, METH_NOARGS, "The strongest window of each width."},
    {NULL},
};

static PyType_Slot sweep_slots[] = {
    {Py_tp_doc, "One pass for one head: see gateway/scan/sweep.py."},
    {Py_tp_new, sweep_new},
    {Py_tp_dealloc, sweep_dealloc},
    {Py_tp_members, sweep_members},
    {Py_tp_methods, sweep_methods},
    {0, NULL},
};

static PyType_Spec tables_spec = {
    "gateway.scan._sweep.Tables", sizeof(Tables), 0, Py_TPFLAGS_DEFAULT, tables_slots};
static PyType_Spec sweep_spec = {
    "gateway.scan._sweep.Sweep", sizeof(Sweep), 0, Py_TPFLAGS_DEFAULT, sweep_slots};

/* One bit for each place that one of these hashes has; they are 32 bits each and stand in order. */
static PyObject *present(PyObject *module, PyObject *hashes) {
    (void)module;
    if (!PyBytes_Check(hashes) || PyBytes_GET_SIZE(hashes) % 4) {
        PyErr_SetString(PyExc_TypeError, "hashes are bytes, four for each");
        return NULL;
    }
    PyObject *made = PyBytes_FromStringAndSize(NULL, PRESENT_BYTES);
    if (made == NULL) return NULL;
    uint8_t *bits = (uint8_t *)PyBytes_AS_STRING(made);
    memset(bits, 0, PRESENT_BYTES);
    const uint8_t *at = (const uint8_t *)PyBytes_AS_STRING(hashes);
    const uint8_t *end = at + PyBytes_GET_SIZE(hashes);
    uint32_t last = 0;
    for (; at < end; at += 4) {
        uint32_t hash = four(at), place = hash >> 12;
        if (hash < last) {
            Py_DECREF(made);
            PyErr_SetString(PyExc_ValueError, "hashes are not in order");
            return NULL;
        }
        bits[place >> 3] |= 1u << (place & 7);
        last = hash;
    }
    return made;
}

static PyMethodDef module_methods[] = {
    {"present", present, METH_O, "present(hashes): see tables.py."},
    USE_WIDE,
    {NULL},
};

static int module_exec(PyObject *module) {
    is_wide = HAS_WIDE;
    prepare();
    make_powers();
    PyTypeObject **tables = PyModule_GetState(module);
    *tables = (PyTypeObject *)PyType_FromModuleAndSpec(module, &tables_spec, NULL);
    if (*tables == NULL || PyModule_AddType(module, *tables) < 0) return -1;
    PyObject *sweep = PyType_FromModuleAndSpec(module, &sweep_spec, NULL);
    if (sweep == NULL) return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)sweep);
    Py_DECREF(sweep);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._sweep",
    .m_doc = "The pass of sweep.py in C.",
    .m_size = sizeof(PyTypeObject *),
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__sweep(void) { return PyModuleDef_Init(&module_def); }
