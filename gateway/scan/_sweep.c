/* The model's sums in one pass over a text: what sweep.py computes, n-gram for n-gram, in C.
 *
 * `Tables` holds what a pass reads, `Sweep` is one pass. Both behave as the classes of these names in
 * tables.py and sweep.py, which say what is computed and why; tests compare the two. Everything that
 * is read by an index is checked once, when `Tables` is made: an index is then bounded by its number
 * of bits, or counted from `present`. Only `words` grows with a text.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <structmember.h>

enum { DROP = 0, WORD = 2, SINGLE = 3 };
enum { STEM = 5, FIVE = 5, REACH = 4, RING = 256 };
/* N-grams that are looked up together, and those of words that end with one word. */
enum { GRAMS = 256, WORD_GRAMS = 8 };
/* What is kept of an n-gram in 16 bits: the word that it begins in, counted from `settled`, SPAN for
 * each further word, and KNOWN of a word by itself. */
enum { KNOWN = 1 << 15, SPAN = 1 << 13, PLACE = SPAN - 1 };
enum { SHORT_WORDS = 20, MIDDLE_WORDS = 64, LONG_WORDS = 200, WIDTHS = 3 };
enum { LEAST = -256, MOST = 1024 };

#ifdef __GNUC__
#define PREFETCH(place) __builtin_prefetch(place)
#else
#define PREFETCH(place) ((void)0)
#endif
/* Machines with wide registers mix eight hashes at a time. */
#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE __attribute__((target("avx2,bmi2,popcnt")))
#define HAS_WIDE                                                              \
    (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&      \
     __builtin_cpu_supports("popcnt"))
#define INTO_EACH __attribute__((always_inline))
#else
#define WIDE
#define HAS_WIDE 0
#define INTO_EACH
#endif
#define PRESENT_BYTES (1 << 17)
#define BLOCKS (PRESENT_BYTES / 4)
#define POINTS (1 << 17)
#define DIGITS 10
#define UNSEEN (-((int64_t)1 << 40))
/* From here on a text is read without the interpreter's lock, so that other threads go on. */
#define UNLOCKED_CHARS 4096

static const int64_t widths[WIDTHS] = {SHORT_WORDS, MIDDLE_WORDS, LONG_WORDS};

typedef struct {
    PyObject_HEAD
    PyObject *entries, *present, *kinds, *values, *leet;
    uint32_t *ranks;
} Tables;

typedef struct {
    int64_t sum, best, at;
} Width;

typedef struct {
    PyObject_HEAD
    Tables *tables;
    int side;
    int64_t words, known, settled, sum, chars;
    Width width[WIDTHS];
    int64_t pending[REACH]; /* sums of the words from `settled` on, the oldest first */
    int64_t owner[REACH];   /* the words that the newest four characters are of, the newest first */
    uint32_t recent[FIVE];
    uint32_t five, w1, w2, w3, stem, gap_first, gap_last;
    int gap;
    int32_t ring[RING];
} Sweep;

/* An n-gram that has a weight, and the words that it is made of. */
typedef struct {
    int64_t first;
    int span, weight;
} Hit;

typedef struct {
    Hit *hits;
    size_t count, room;
    int is_short_of_memory;
} Listing;

/* N-grams are gathered and then looked up together, without a branch that depends on what is found:
 * such branches cannot be foretold, and the loads of one look-up need not wait for another's. */
typedef struct {
    Sweep *s;
    const uint8_t *entries, *present, *kinds, *values, *leet;
    const uint32_t *ranks;
    int size;
    uint32_t gram[GRAMS];
    uint16_t owner[GRAMS];
    int64_t sums[GRAMS + 2 * REACH];
    Listing *listing; /* where what is found is told; mostly NULL */
} Batch;

/* Little-endian on every machine; compilers make one load of it where they can. */
static inline uint32_t four(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline uint32_t mix(uint32_t gram) {
    gram ^= gram >> 16;
    gram *= 0x7FEB352Du;
    gram ^= gram >> 15;
    gram *= 0x846CA68Bu;
    return gram ^ gram >> 16;
}

static inline uint32_t ones(uint32_t bits) {
#ifdef __GNUC__
    return (uint32_t)__builtin_popcount(bits);
#else
    uint32_t count = 0;
    for (; bits; bits &= bits - 1) count++;
    return count;
#endif
}

static inline int64_t bounded(int64_t sum) { return sum < LEAST ? LEAST : sum > MOST ? MOST : sum; }

static inline void widen(Width *width, const int32_t *ring, int64_t word, int64_t size, int64_t sum) {
    width->sum += sum;
    if (word >= size) width->sum -= ring[(word - size) & (RING - 1)];
    if (word >= size - 1 && width->sum > width->best) {
        width->best = width->sum;
        width->at = word - (size - 1);
    }
}

/* Where the table has room for an n-gram; NULL where it has none. */
static inline const uint8_t *entry_of(const Batch *b, uint32_t spread) {
    uint32_t place = spread >> 12, bits = four(b->present + (place >> 5) * 4);
    if (!(bits >> (place & 31) & 1)) return NULL;
    uint32_t rank = b->ranks[place >> 5] + ones(bits & ((1u << (place & 31)) - 1));
    return b->entries + (size_t)rank * 4;
}

static inline int is_of(const uint8_t *entry, uint32_t spread) {
    return (entry[0] | (uint32_t)entry[1] << 8) == (spread & 0xFFFF);
}

/* Tells of the gathered n-grams that have a weight. */
static void list(Batch *b) {
    Listing *l = b->listing;
    if (l->room - l->count < GRAMS) {
        size_t room = l->room ? l->room * 2 : 2 * GRAMS;
        Hit *grown = PyMem_Realloc(l->hits, room * sizeof *grown);
        if (grown == NULL) {
            l->is_short_of_memory = 1;
            return;
        }
        l->hits = grown, l->room = room;
    }
    for (int i = 0; i < b->size; i++) {
        uint32_t spread = mix(b->gram[i]);
        const uint8_t *entry = entry_of(b, spread);
        int weight = entry != NULL && is_of(entry, spread) ? (int8_t)entry[b->s->side] : 0;
        if (!weight) continue;
        Hit *hit = &l->hits[l->count++];
        hit->first = b->s->settled + (b->owner[i] & PLACE);
        hit->span = 1 + (b->owner[i] & (KNOWN - 1)) / SPAN;
        hit->weight = weight;
    }
}

/* Adds the weights of the gathered n-grams to their words. */
INTO_EACH static inline void look_up(Batch *b) {
    uint32_t spread[GRAMS + 1];
    uint16_t owner[GRAMS + 1];
    const uint8_t *at[GRAMS];
    int hits = 0, size = b->size;
    for (int i = 0; i < size; i++) b->gram[i] = mix(b->gram[i]);
    for (int i = 0; i < size; i++) {
        uint32_t place = b->gram[i] >> 12;
        spread[hits] = b->gram[i];
        owner[hits] = b->owner[i];
        hits += b->present[place >> 3] >> (place & 7) & 1;
    }
    for (int i = 0; i < hits; i++) {
        uint32_t place = spread[i] >> 12;
        uint32_t below = four(b->present + (place >> 5) * 4) & ((1u << (place & 31)) - 1);
        at[i] = b->entries + (size_t)(b->ranks[place >> 5] + ones(below)) * 4;
        PREFETCH(at[i]);
    }
    for (int i = 0; i < hits; i++) {
        const uint8_t *entry = at[i];
        int64_t is_it = is_of(entry, spread[i]);
        b->sums[owner[i] & PLACE] += -is_it & (int8_t)entry[b->s->side];
        b->s->known += is_it & (owner[i] / KNOWN);
    }
    b->size = 0;
}

WIDE static void look_up_wide(Batch *b) { look_up(b); }
static void look_up_narrow(Batch *b) { look_up(b); }
static int is_wide; /* told when the module is loaded */

/* Looks up what was gathered; words that no later n-gram can begin in are final then. */
static void flush(Batch *b) {
    Sweep *s = b->s;
    if (b->listing != NULL) list(b);
    if (is_wide)
        look_up_wide(b);
    else
        look_up_narrow(b);
    int64_t done = s->words - REACH - s->settled;
    for (int64_t i = 0; i < done; i++) {
        int64_t word = s->settled + i, sum = bounded(b->sums[i]);
        s->ring[word & (RING - 1)] = (int32_t)sum;
        s->sum += sum;
        for (int w = 0; w < WIDTHS; w++) widen(&s->width[w], s->ring, word, widths[w], sum);
    }
    if (done <= 0) return;
    s->settled += done;
    /* What is left are the newest words, and the one in the making. */
    memmove(b->sums, b->sums + done, (REACH + 1) * sizeof *b->sums);
    memset(b->sums + REACH + 1, 0, sizeof b->sums - (REACH + 1) * sizeof *b->sums);
}

static inline void gather(Batch *b, uint32_t gram, int64_t word, int marks) {
    b->gram[b->size] = gram;
    b->owner[b->size++] = (uint16_t)(word - b->s->settled + marks);
}

/* The n-grams of words that end with this one. */
static inline void word_grams(Batch *b, uint32_t word, uint32_t stem) {
    Sweep *s = b->s;
    int64_t at = s->words;
    if (b->size > GRAMS - WORD_GRAMS) flush(b);
    gather(b, word, at, KNOWN);
    uint32_t one = s->w1, two = s->w2;
    if (at > 0) {
        uint32_t mark = s->gap_first * 0xAFD9D5ABu + s->gap_last * 0xEC48C90Du;
        if (s->gap && mark) gather(b, mark * 0xBE1E0823u + word, at, 0);
        gather(b, one + word * 0xDAA66D13u, at - 1, SPAN);
        gather(b, s->stem * 0x08D12DFDu + stem * 0x4540215Fu, at - 1, SPAN);
    }
    if (at > 1) {
        gather(b, two + one * 0xDAA66D13u + word * 0x17156075u, at - 2, 2 * SPAN);
        gather(b, two + word * 0x8FF34739u, at - 2, 2 * SPAN);
    }
    if (at > 2)
        gather(
            b, s->w3 + two * 0xDAA66D13u + one * 0x17156075u + word * 0x538453D7u, at - 3,
            3 * SPAN);
    s->w3 = two;
    s->w2 = one;
    s->w1 = word;
    s->stem = stem;
    s->gap = 0;
    s->words++;
}

/* Which words the newest four characters are of, after a word of that length. */
static inline void own(Sweep *s, int64_t length) {
    int64_t fresh = length < REACH ? length : REACH;
    for (int64_t i = REACH - 1; i >= fresh; i--) s->owner[i] = s->owner[i - fresh];
    for (int64_t i = 0; i < fresh; i++) s->owner[i] = s->words;
}

static inline uint32_t point(int kind, const void *data, Py_ssize_t at) {
    if (kind == PyUnicode_1BYTE_KIND) return ((const Py_UCS1 *)data)[at];
    if (kind == PyUnicode_2BYTE_KIND) return ((const Py_UCS2 *)data)[at];
    uint32_t code = ((const Py_UCS4 *)data)[at];
    return code < POINTS ? code : POINTS - 1;
}

/* One word: its n-grams of characters and of words. In a word that mixes them, digits are read as the
 * letters they stand for. */
static inline void weigh(
    Batch *b, int kind, const void *data, Py_ssize_t begin, Py_ssize_t end, int is_mixed
) {
    Sweep *s = b->s;
    uint32_t total = 0, stem = 0, power = 1, five = s->five;
    uint32_t r0 = s->recent[0], r1 = s->recent[1], r2 = s->recent[2], r3 = s->recent[3];
    uint32_t r4 = s->recent[4];
    int64_t length = 0;
    for (Py_ssize_t at = begin; at < end; at++) {
        uint32_t code = point(kind, data, at);
        if (b->kinds[code] == DROP) continue;
        if (is_mixed && code - '0' <= 9) code = b->leet[code - '0'];
        uint32_t value = four(b->values + (size_t)code * 4);
        total += value * power;
        power *= 0x2C1B3C6Du;
        if (++length == STEM) stem = total;
        /* The n-gram of five characters that ends with this one, across any spaces. */
        five = (five - r0) * 0x64EA2D65u + value * 0x6EAF9711u;
        r0 = r1, r1 = r2, r2 = r3, r3 = r4, r4 = value;
        if (s->chars + length < FIVE) continue;
        if (b->size == GRAMS) flush(b);
        gather(b, five, length >= FIVE ? s->words : s->owner[FIVE - 1 - length], SPAN);
    }
    s->recent[0] = r0, s->recent[1] = r1, s->recent[2] = r2, s->recent[3] = r3, s->recent[4] = r4;
    s->five = five;
    s->chars += length;
    own(s, length);
    word_grams(b, mix(total), mix(length < STEM ? total : stem));
}

/* Weighs the word that begins here and returns the place after its last character. */
static inline Py_ssize_t one_word(
    Batch *b, int kind, const void *data, Py_ssize_t begin, Py_ssize_t stop
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

static inline void run(Batch *b, int kind, const void *data, Py_ssize_t stop) {
    Sweep *s = b->s;
    Py_ssize_t at = 0;
    while (at < stop) {
        uint32_t code = point(kind, data, at);
        uint8_t what = b->kinds[code];
        if (what == WORD) {
            at = one_word(b, kind, data, at, stop);
            continue;
        }
        if (what == SINGLE) {
            weigh(b, kind, data, at, at + 1, 0);
        } else if (what != DROP) { /* between two words: the first and the last are a mark */
            uint32_t value = four(b->values + (size_t)code * 4);
            if (!s->gap) s->gap = 1, s->gap_first = value;
            s->gap_last = value;
        }
        at++;
    }
}

static void run_kind(
    Sweep *s, int kind, const void *data, Py_ssize_t stop, Listing *listing
) {
    Tables *t = s->tables;
    Batch b;
    b.s = s;
    b.entries = (const uint8_t *)PyBytes_AS_STRING(t->entries);
    b.present = (const uint8_t *)PyBytes_AS_STRING(t->present);
    b.kinds = (const uint8_t *)PyBytes_AS_STRING(t->kinds);
    b.values = (const uint8_t *)PyBytes_AS_STRING(t->values);
    b.leet = (const uint8_t *)PyBytes_AS_STRING(t->leet);
    b.ranks = t->ranks;
    b.size = 0;
    b.listing = listing;
    memcpy(b.sums, s->pending, sizeof s->pending);
    memset(b.sums + REACH, 0, sizeof b.sums - sizeof s->pending);
    if (kind == PyUnicode_1BYTE_KIND)
        run(&b, PyUnicode_1BYTE_KIND, data, stop);
    else if (kind == PyUnicode_2BYTE_KIND)
        run(&b, PyUnicode_2BYTE_KIND, data, stop);
    else
        run(&b, PyUnicode_4BYTE_KIND, data, stop);
    flush(&b);
    memcpy(s->pending, b.sums, sizeof s->pending);
}

static PyObject *sweep_feed(Sweep *s, PyObject *text) {
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "a pass is fed with str, not %s", Py_TYPE(text)->tp_name);
        return NULL;
    }
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    if (size < UNLOCKED_CHARS) {
        run_kind(s, kind, data, size, NULL);
        Py_RETURN_NONE;
    }
    Py_BEGIN_ALLOW_THREADS
    run_kind(s, kind, data, size, NULL);
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
    run_kind(&s, PyUnicode_KIND(text), PyUnicode_DATA(text), size, &l);
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
    {NULL},
};

static int module_exec(PyObject *module) {
    is_wide = HAS_WIDE;
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
