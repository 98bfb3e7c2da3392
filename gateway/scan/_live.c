/* The automaton of holdback.py in C: read backwards from the end of a text, one set of positions at
 * a time.
 *
 * A set has one bit for each position. Of most sets nearly all words are empty, so `full` has one
 * bit for each word that is not, and only those are looked at.
 *
 * The sets of the last characters are large, and those of ordinary words few: they are kept, with
 * the way from one to the next, in a room of fixed size that starts anew where it is full. Further
 * from the end nothing is kept, and the positions of patterns that are too short are let go.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { ASCII = 128, WORD = 64, BEHIND = 2 * (ASCII + 1) };
enum { KEPT_CHARACTERS = 64, KEPT_MAX = 4096, KEPT_BYTES = 1 << 21, KINDS_MAX = 256 };
enum { UNKNOWN, EMPTY, ROOT, FIRST_KEPT }; /* numbers of kept sets */

typedef struct {
    uint64_t *words, *full;
} Set;

typedef struct {
    int64_t length_max, first, last; /* positions `first` to `last` are of a pattern this long */
} Form;

typedef struct {
    uint32_t word;
    uint64_t bits;
} Part;

typedef struct {
    PyObject_HEAD
    Py_ssize_t positions, words, fulls;
    uint8_t ascii[ASCII];
    uint32_t *begins, *numbers; /* of the classes of all characters: where each range begins */
    Py_ssize_t ranges, classes;
    uint64_t *masks;            /* of each class the positions that have it */
    uint64_t *root, *loops, *plain, *special;
    uint32_t *group; /* of each special position: those with the same before them are a group */
    uint32_t *from;  /* of each group its first part; one more for the end */
    Part *parts;
    uint64_t *stamps, now; /* when each group was looked at */
    Py_ssize_t groups;
    uint64_t *rows; /* sets of the positions that matches begin at; the first has all of them */
    uint32_t *row;  /* which of them may stand behind a character, and behind it and a digit */
    Py_ssize_t many_rows;
    Form *forms; /* the shortest first */
    Py_ssize_t many_forms;
    Set sets[2];
    uint64_t *within; /* the positions of patterns that are long enough */
    uint64_t *kept, *kept_full;
    uint16_t *ways, *places; /* from set to set by class; by what a set has, where it is kept */
    int32_t *longest;        /* one more than the longest match that may begin with a set, by row */
    int32_t *lengths;        /* the longest match of the pattern of each position */
    uint32_t kinds, room, count, slots;
} Live;

static inline int lowest(uint64_t bits) { return __builtin_ctzll(bits); }

static inline void add(Set *set, Py_ssize_t word, uint64_t bits) {
    set->words[word] |= bits;
    set->full[word / WORD] |= 1ull << (word % WORD);
}

static inline uint32_t class_of(const Live *l, Py_UCS4 c) {
    if (c < ASCII) return l->ascii[c];
    Py_ssize_t low = 0, high = l->ranges;
    while (high - low > 1) {
        Py_ssize_t middle = (low + high) / 2;
        if (l->begins[middle] <= c) low = middle;
        else high = middle;
    }
    return l->numbers[low];
}

/* Takes those away that are not in `mask`; whether any is left. */
static inline int keep(const Live *l, Set *set, const uint64_t *mask) {
    uint64_t any = 0;
    for (Py_ssize_t f = 0; f < l->fulls; f++) {
        for (uint64_t todo = set->full[f]; todo; todo &= todo - 1) {
            Py_ssize_t w = f * WORD + lowest(todo);
            if (!(set->words[w] &= mask[w])) set->full[f] &= ~(todo & -todo);
        }
        any |= set->full[f];
    }
    return any != 0;
}

static inline void add_group(Live *l, uint32_t g, Set *to) {
    if (l->stamps[g] == l->now) return;
    l->stamps[g] = l->now;
    for (uint32_t p = l->from[g]; p < l->from[g + 1]; p++) add(to, l->parts[p].word, l->parts[p].bits);
}

/* The positions that may come directly before those of a set. */
static inline void step(Live *l, const Set *set, Set *to) {
    l->now++;
    for (Py_ssize_t f = 0; f < l->fulls; f++) {
        for (uint64_t todo = set->full[f]; todo; todo &= todo - 1) {
            Py_ssize_t w = f * WORD + lowest(todo);
            uint64_t here = set->words[w], next = here & l->plain[w];
            uint64_t stays = (here & l->loops[w]) | next >> 1;
            if (stays) add(to, w, stays);
            if (next & 1) add(to, w - 1, 1ull << (WORD - 1));
            for (uint64_t some = here & l->special[w]; some; some &= some - 1)
                add_group(l, l->group[w * WORD + lowest(some)], to);
        }
    }
}

/* Whether a match may begin with this set, behind what the row is for. */
static inline int begins(const Live *l, const Set *set, uint32_t number) {
    const uint64_t *row = l->rows + number * l->words;
    for (Py_ssize_t f = 0; f < l->fulls; f++)
        for (uint64_t todo = set->full[f]; todo; todo &= todo - 1) {
            Py_ssize_t w = f * WORD + lowest(todo);
            if (set->words[w] & row[w]) return 1;
        }
    return 0;
}

static void drop(uint64_t *words, const Form *form) {
    for (int64_t w = form->first / WORD; w <= form->last / WORD; w++) {
        uint64_t bits = ~0ull;
        if (w == form->first / WORD) bits &= ~0ull << (form->first % WORD);
        if (w == form->last / WORD) bits &= ~0ull >> (WORD - 1 - form->last % WORD);
        words[w] &= ~bits;
    }
}

static void clear(const Live *l, Set *set) {
    for (Py_ssize_t f = 0; f < l->fulls; f++) {
        for (uint64_t todo = set->full[f]; todo; todo &= todo - 1) set->words[f * WORD + lowest(todo)] = 0;
        set->full[f] = 0;
    }
}

/* -- what is kept */

static inline Set kept_set(const Live *l, uint32_t number) {
    return (Set){l->kept + number * l->words, l->kept_full + number * l->fulls};
}

static void forget(Live *l) {
    memset(l->ways, 0, (size_t)l->room * l->kinds * sizeof *l->ways);
    memset(l->places, 0, l->slots * sizeof *l->places);
    l->count = FIRST_KEPT;
}

static uint32_t slot_of(const Live *l, const Set *set) {
    uint64_t hash = 0;
    for (Py_ssize_t f = 0; f < l->fulls; f++)
        for (uint64_t todo = set->full[f]; todo; todo &= todo - 1) {
            Py_ssize_t w = f * WORD + lowest(todo);
            hash = (hash ^ (set->words[w] + (uint64_t)w)) * 0x9e3779b97f4a7c15ull;
            hash ^= hash >> 32;
        }
    return (uint32_t)hash & (l->slots - 1);
}

/* The number of a set, which is kept from now on. */
static uint32_t number_of(Live *l, const Set *set) {
    size_t words = (size_t)l->words * sizeof *set->words, fulls = (size_t)l->fulls * sizeof *set->full;
    uint32_t slot = slot_of(l, set);
    for (; l->places[slot]; slot = (slot + 1) & (l->slots - 1)) {
        Set known = kept_set(l, l->places[slot]);
        if (!memcmp(known.words, set->words, words)) return l->places[slot];
    }
    if (l->count == l->room) {
        forget(l);
        slot = slot_of(l, set);
    }
    Set fresh = kept_set(l, l->count);
    memcpy(fresh.words, set->words, words);
    memcpy(fresh.full, set->full, fulls);
    memset(l->longest + (Py_ssize_t)l->count * l->many_rows, 0, (size_t)l->many_rows * sizeof *l->longest);
    l->places[slot] = (uint16_t)l->count;
    return l->count++;
}

/* Which set a character of this class leads to. */
static uint32_t way(Live *l, uint32_t number, uint32_t class) {
    uint16_t *known = class < l->kinds ? l->ways + number * l->kinds + class : NULL;
    if (known && *known) return *known;
    Set from = kept_set(l, number), *to = &l->sets[0];
    const uint64_t *mask = l->masks + class * l->words;
    if (number == ROOT) {
        for (Py_ssize_t w = 0; w < l->words; w++)
            if (l->root[w] & mask[w]) add(to, w, l->root[w]);
    } else {
        step(l, &from, to);
    }
    uint32_t count = l->count, found = keep(l, to, mask) ? number_of(l, to) : EMPTY;
    clear(l, to);
    /* Unless everything was forgotten, and where the way came from with it. */
    if (known && (found == EMPTY || l->count >= count)) *known = (uint16_t)found;
    return found;
}

/* The longest match that may begin with a kept set, behind what the row is for; 0 if none may. */
static inline int64_t longest(Live *l, uint32_t number, uint32_t row) {
    int32_t *known = l->longest + (Py_ssize_t)number * l->many_rows + row;
    if (*known) return *known - 1;
    Set set = kept_set(l, number);
    const uint64_t *may = l->rows + row * l->words;
    int32_t most = 0;
    for (Py_ssize_t w = 0; w < l->words; w++)
        for (uint64_t some = set.words[w] & may[w]; some; some &= some - 1) {
            int32_t length = l->lengths[w * WORD + lowest(some)];
            if (length > most) most = length;
        }
    *known = most + 1;
    return most;
}

/* -- the walk */

/* Which row is for what stands before a place. */
static inline uint32_t row_at(const Live *l, int kind, const void *data, Py_ssize_t place) {
    if (!place) return 0;
    Py_UCS4 c = PyUnicode_READ(kind, data, place - 1);
    int behind = place > 1 && PyUnicode_READ(kind, data, place - 2) - '0' < 10;
    return l->row[(c < ASCII ? c : ASCII) * 2 + (Py_UCS4)behind];
}

/* Takes those away that are too short for a match of `length`; whether there were any. */
static inline int shorten(Live *l, Py_ssize_t *form, Py_ssize_t length) {
    Py_ssize_t before = *form;
    for (; *form < l->many_forms && l->forms[*form].length_max < length; ++*form)
        drop(l->within, &l->forms[*form]);
    return *form > before;
}

static Py_ssize_t walk(Live *l, int kind, const void *data, Py_ssize_t end, Py_ssize_t floor) {
    Py_ssize_t found = end, place = end - 1, form = 0;
    uint32_t number = ROOT;
    for (; place >= floor && end - place <= KEPT_CHARACTERS; place--) {
        number = way(l, number, class_of(l, PyUnicode_READ(kind, data, place)));
        if (number == EMPTY) return found;
        if (end - place <= longest(l, number, row_at(l, kind, data, place))) found = place;
    }
    if (place < floor) return found;
    Set *set = &l->sets[0], *to = &l->sets[1], kept = kept_set(l, number);
    for (Py_ssize_t w = 0; w < l->words; w++)
        if (kept.words[w]) add(set, w, kept.words[w]);
    memset(l->within, 0xff, (size_t)l->words * sizeof *l->within);
    for (; place >= floor; place--) {
        step(l, set, to);
        clear(l, set);
        Set *emptied = set;
        set = to;
        to = emptied;
        uint32_t class = class_of(l, PyUnicode_READ(kind, data, place));
        if (!keep(l, set, l->masks + class * l->words)) break;
        if (shorten(l, &form, end - place) && !keep(l, set, l->within)) break;
        if (begins(l, set, row_at(l, kind, data, place))) found = place;
    }
    clear(l, set);
    return found;
}

static PyObject *earliest(Live *l, PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !PyUnicode_Check(args[0]) || !l->count) {
        PyErr_SetString(PyExc_TypeError, "earliest(text, floor)");
        return NULL;
    }
    Py_ssize_t floor = PyLong_AsSsize_t(args[1]), end = PyUnicode_GET_LENGTH(args[0]);
    if (floor == -1 && PyErr_Occurred()) return NULL;
    if (floor < 0) floor = 0;
    return PyLong_FromSsize_t(walk(l, PyUnicode_KIND(args[0]), PyUnicode_DATA(args[0]), end, floor));
}

/* -- tables: every number that is an index is checked here, once */

static void *room(Py_ssize_t many, size_t size) {
    void *made = PyMem_RawCalloc((size_t)(many ? many : 1), size);
    if (!made) PyErr_NoMemory();
    return made;
}

static uint64_t number(const uint8_t *bytes, int size) {
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

/* Numbers of four or eight bytes each, the lowest byte first. */
static void *read_numbers(const Py_buffer *source, int size) {
    Py_ssize_t many = source->len / size;
    uint64_t *wide = room(many, (size_t)size);
    uint32_t *narrow = (uint32_t *)wide;
    for (Py_ssize_t i = 0; wide && i < many; i++) {
        uint64_t value = number((const uint8_t *)source->buf + i * size, size);
        if (size == 8) wide[i] = value;
        else narrow[i] = (uint32_t)value;
    }
    return wide;
}

static int all_below(const uint32_t *numbers, Py_ssize_t many, Py_ssize_t limit) {
    for (Py_ssize_t i = 0; i < many; i++)
        if (numbers[i] >= limit) return 0;
    return 1;
}

static int is_right(const Live *l, Py_ssize_t parts) {
    if (l->plain[0] & 1) return 0;
    for (int i = 0; i < ASCII; i++)
        if (l->ascii[i] >= l->classes) return 0;
    for (Py_ssize_t i = 0; i < l->words * WORD; i++)
        if (l->special[i / WORD] >> (i % WORD) & 1 && l->group[i] >= l->groups) return 0;
    for (Py_ssize_t i = 0; i < parts; i++)
        if (l->parts[i].word >= l->words) return 0;
    for (Py_ssize_t i = 0; i < l->many_forms; i++)
        if (l->forms[i].first < 0 || l->forms[i].first > l->forms[i].last || l->forms[i].last >= l->positions ||
            l->forms[i].length_max < 0 || l->forms[i].length_max >= INT32_MAX)
            return 0;
    return l->ranges > 0 && all_below(l->row, BEHIND, l->many_rows) && all_below(l->numbers, l->ranges, l->classes) &&
           all_below(l->from, l->groups + 1, parts + 1);
}

enum { ASCII_OF, BEGINS, NUMBERS, MASKS, SETS, GROUP, FROM, PART_WORDS, PART_BITS, ROWS, ROW, FORMS, TABLES };

static int read_all(Live *l, const Py_buffer *t) {
    Py_ssize_t row = l->words * 8, parts = t[PART_WORDS].len / 4;
    if (t[ASCII_OF].len != ASCII || t[ROW].len != 4 * BEHIND || t[BEGINS].len != t[NUMBERS].len ||
        t[MASKS].len % row || t[ROWS].len % row || t[SETS].len != 4 * row || t[FROM].len < 4 ||
        t[FROM].len % 4 || t[BEGINS].len % 4 || t[PART_WORDS].len % 4 ||
        t[GROUP].len != 4 * l->words * WORD || t[PART_BITS].len != 8 * parts || t[FORMS].len % 24) {
        PyErr_SetString(PyExc_ValueError, "tables of the wrong size");
        return -1;
    }
    memcpy(l->ascii, t[ASCII_OF].buf, ASCII);
    l->ranges = t[BEGINS].len / 4;
    l->classes = t[MASKS].len / row;
    l->many_rows = t[ROWS].len / row;
    l->groups = t[FROM].len / 4 - 1;
    l->many_forms = t[FORMS].len / 24;
    uint64_t *bits = read_numbers(&t[PART_BITS], 8);
    l->parts = bits ? room(parts, sizeof *l->parts) : NULL;
    for (Py_ssize_t i = 0; l->parts && i < parts; i++)
        l->parts[i] = (Part){(uint32_t)number((const uint8_t *)t[PART_WORDS].buf + i * 4, 4), bits[i]};
    PyMem_RawFree(bits);
    if (!l->parts || !(l->begins = read_numbers(&t[BEGINS], 4)) || !(l->numbers = read_numbers(&t[NUMBERS], 4)) ||
        !(l->masks = read_numbers(&t[MASKS], 8)) || !(l->root = read_numbers(&t[SETS], 8)) ||
        !(l->group = read_numbers(&t[GROUP], 4)) || !(l->from = read_numbers(&t[FROM], 4)) ||
        !(l->rows = read_numbers(&t[ROWS], 8)) || !(l->row = read_numbers(&t[ROW], 4)) ||
        !(l->forms = read_numbers(&t[FORMS], 8)))
        return -1;
    l->loops = l->root + l->words;
    l->plain = l->loops + l->words;
    l->special = l->plain + l->words;
    if (!is_right(l, parts)) {
        PyErr_SetString(PyExc_ValueError, "a table leads to what is not there");
        return -1;
    }
    for (int i = 0; i < 2; i++)
        if (!(l->sets[i].words = room(l->words, 8)) || !(l->sets[i].full = room(l->fulls, 8))) return -1;
    if (!(l->within = room(l->words, 8)) || !(l->stamps = room(l->groups, 8)) ||
        !(l->lengths = room(l->words * WORD, sizeof *l->lengths)))
        return -1;
    for (Py_ssize_t i = 0; i < l->many_forms; i++)
        for (int64_t at = l->forms[i].first; at <= l->forms[i].last; at++)
            l->lengths[at] = (int32_t)l->forms[i].length_max;
    return 0;
}

static int make_room(Live *l) {
    l->kinds = (uint32_t)(l->classes < KINDS_MAX ? l->classes : KINDS_MAX);
    Py_ssize_t each = (l->words + l->fulls) * 8 + l->kinds * 2 + l->many_rows * 4;
    l->room = (uint32_t)(KEPT_BYTES / each < KEPT_MAX ? KEPT_BYTES / each : KEPT_MAX);
    if (l->room < 2 * FIRST_KEPT) l->room = 2 * FIRST_KEPT;
    for (l->slots = 1; l->slots < 2 * l->room; l->slots *= 2) continue;
    if (!(l->kept = room(l->room * l->words, 8)) || !(l->kept_full = room(l->room * l->fulls, 8)) ||
        !(l->ways = room((Py_ssize_t)l->room * l->kinds, 2)) || !(l->places = room(l->slots, 2)) ||
        !(l->longest = room(l->room * l->many_rows, sizeof *l->longest)))
        return -1;
    l->count = FIRST_KEPT;
    return 0;
}

static int live_init(Live *self, PyObject *args, PyObject *Py_UNUSED(names)) {
    Py_buffer t[TABLES];
    if (self->words) {
        PyErr_SetString(PyExc_ValueError, "it is made once");
        return -1;
    }
    if (!PyArg_ParseTuple(
            args, "n(y*y*y*y*y*y*y*y*y*y*y*y*)", &self->positions, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5],
            &t[6], &t[7], &t[8], &t[9], &t[10], &t[11]))
        return -1;
    self->words = self->positions / WORD + 1;
    self->fulls = self->words / WORD + 1;
    int made = -1;
    if (self->positions >= 0) made = read_all(self, t) < 0 ? -1 : make_room(self);
    else PyErr_SetString(PyExc_ValueError, "no positions");
    for (int i = 0; i < TABLES; i++) PyBuffer_Release(&t[i]);
    return made;
}

static void live_dealloc(Live *self) {
    PyTypeObject *type = Py_TYPE(self);
    void *all[] = {self->begins,   self->numbers, self->masks,         self->root,         self->group,
                   self->from,     self->parts,   self->stamps,        self->rows,         self->row,
                   self->forms,    self->lengths, self->sets[0].words, self->sets[0].full, self->sets[1].words,
                   self->sets[1].full, self->within, self->kept,       self->kept_full,    self->ways,
                   self->places,   self->longest};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) PyMem_RawFree(all[i]);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef live_methods[] = {
    {"earliest", (PyCFunction)(void (*)(void))earliest, METH_FASTCALL,
     "earliest(text, floor): the first character, from floor on, that may be part of a match not yet over; the "
     "length of the text if there is none."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot live_slots[] = {
    {Py_tp_init, live_init},
    {Py_tp_dealloc, live_dealloc},
    {Py_tp_methods, live_methods},
    {Py_tp_doc, "Live(positions, tables): see `tables` in holdback.py."},
    {0, NULL},
};

static PyType_Spec live_spec = {
    .name = "gateway.scan._live.Live",
    .basicsize = sizeof(Live),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = live_slots,
};

static int module_exec(PyObject *module) {
    PyObject *type = PyType_FromSpec(&live_spec);
    if (!type) return -1;
    int added = PyModule_AddObjectRef(module, "Live", type);
    Py_DECREF(type);
    return added;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._live",
    .m_doc = "What of a text may become part of a match, in C.",
    .m_size = 0,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__live(void) { return PyModuleDef_Init(&module_def); }
