/* What encodings an ASCII text may hide orders in: what signs_of in views.py says, in one pass in C. */

#include "wide.h"

/* As in views.py. */
enum {
    PERCENT = 1, ENTITY = 2, ESCAPE = 4, REVERSED = 8, ROT13 = 16, LONG = 32, PAIRS = 64, OCTETS = 128,
    LONE = 256
};
enum { PERCENTS_MIN = 3, LONG_RUN = 24, PAIRS_MIN = 8, OCTETS_MIN = 4, LONE_MIN = 5, OCTET = 8 };

/* A word of six letters, five bits each. */
#define SIX(a, b, c, d, e, f) \
    ((uint32_t)((a) & 31) << 25 | ((b) & 31) << 20 | ((c) & 31) << 15 | ((d) & 31) << 10 | \
     ((e) & 31) << 5 | ((f) & 31))
#define SIX_MASK ((1u << 30) - 1)

/* `instructions`, `ignore`, `prompt`, `forget`, written backwards and moved by 13 letters. */
enum { WORDS = 8, WORDS_REVERSED = 4 };
static const uint32_t words[WORDS] = {
    SIX('s', 'n', 'o', 'i', 't', 'c'), SIX('e', 'r', 'o', 'n', 'g', 'i'),
    SIX('t', 'p', 'm', 'o', 'r', 'p'), SIX('t', 'e', 'g', 'r', 'o', 'f'),
    SIX('v', 'a', 'f', 'g', 'e', 'h'), SIX('v', 't', 'a', 'b', 'e', 'r'),
    SIX('c', 'e', 'b', 'z', 'c', 'g'), SIX('s', 'b', 'e', 't', 'r', 'g'),
};

enum { LETTER, DIGIT, BETWEEN, OTHER }; /* as `shape` in views.py: the first two are one there */

typedef struct {
    int percents, ampersands, semicolons;
    int run, pairs, octets, lone;
    unsigned found;
} Seen;

/* A separator: how many runs of one length there have been in a row, each with one behind it. */
static inline int in_a_row(int count, int run, int length) {
    /* The end of a longer run counts as the first. No branch: the lengths of words foretell nothing. */
    return (run == length) * (count + 1) + (run > length);
}

static inline void separate(Seen *s) {
    s->pairs = in_a_row(s->pairs, s->run, 2);
    s->octets = in_a_row(s->octets, s->run, OCTET);
    s->lone = in_a_row(s->lone, s->run, 1);
    if (s->pairs >= PAIRS_MIN) s->found |= PAIRS;
    if (s->octets >= OCTETS_MIN) s->found |= OCTETS;
    if (s->lone >= LONE_MIN) s->found |= LONE;
    if (s->run >= LONG_RUN) s->found |= LONG;
    s->run = 0;
}

static inline void other(Seen *s, unsigned char byte, unsigned char next) {
    if (s->run >= LONG_RUN) s->found |= LONG;
    s->run = s->pairs = s->octets = s->lone = 0;
    s->percents += byte == '%';
    s->ampersands |= byte == '&';
    s->semicolons |= byte == ';';
    if (byte == '\\' && (next == 'x' || next == 'u')) s->found |= ESCAPE;
}

static inline unsigned counted(const Seen *s) {
    return (s->percents >= PERCENTS_MIN ? PERCENT : 0) |
           (s->ampersands && s->semicolons ? ENTITY : 0);
}

static unsigned char shapes[128];

/* `text` ends with a zero byte behind its `size`, as those of Python do. */
static unsigned signs_in(const unsigned char *text, Py_ssize_t size) {
    Seen s = {0};
    uint32_t six = 0, known[WORDS] = {0};
    for (Py_ssize_t at = 0; at < size; at++) {
        unsigned char byte = text[at], shape = shapes[byte & 127];
        six = (six << 5 | (byte & 31)) & SIX_MASK & (shape == LETTER ? UINT32_MAX : 0);
        /* Without a branch: compilers compare with several words at once. */
        for (int word = 0; word < WORDS; word++) known[word] |= six == words[word];
        if (shape <= DIGIT)
            s.run++;
        else if (shape == BETWEEN)
            separate(&s);
        else
            other(&s, byte, text[at + 1]);
    }
    for (int word = 0; word < WORDS; word++)
        if (known[word]) s.found |= word < WORDS_REVERSED ? REVERSED : ROT13;
    if (s.run >= LONG_RUN) s.found |= LONG;
    return s.found | counted(&s);
}

#if CAN_BE_WIDE
enum { IN_RUN, SEPARATOR, SPECIAL, CLASSES, AT_ONCE = 64, SIX_LETTERS = 6 };
static uint8_t classes[CLASSES][HALF]; /* made when the module is loaded */
/* Of each of the six letters, for each half of a byte a bit for each of the words that has it there. */
static uint8_t low_of[SIX_LETTERS][HALF], high_of[SIX_LETTERS][HALF];

/* What ends in 64 characters, a bit for each that is its last; and what ended in those before. */
typedef struct {
    uint64_t ones, twos, fours, eights, sixteens; /* so many letters or digits */
    uint64_t lone, lone_twice, lone_four;         /* one, and a separator: so often */
    uint64_t pair, pair_twice, pair_four;
    uint64_t octet, octet_twice;
} Ends;

/* What ended so many characters before. */
static inline uint64_t later(uint64_t now, uint64_t before, int chars) {
    return now << chars | before >> (AT_ONCE - chars);
}

/* What is told by runs of letters and digits, and by separators. */
static inline unsigned runs_in(uint64_t in_run, uint64_t separators, Ends *before) {
    Ends b = *before, e;
    e.ones = in_run;
    e.twos = e.ones & later(e.ones, b.ones, 1);
    e.fours = e.twos & later(e.twos, b.twos, 2);
    e.eights = e.fours & later(e.fours, b.fours, 4);
    e.sixteens = e.eights & later(e.eights, b.eights, 8);
    uint64_t is_long = e.sixteens & later(e.eights, b.eights, LONG_RUN - 8);
    e.lone = separators & later(e.ones, b.ones, 1);
    e.lone_twice = e.lone & later(e.lone, b.lone, 2);
    e.lone_four = e.lone_twice & later(e.lone_twice, b.lone_twice, 4);
    uint64_t is_lone = e.lone_four & later(e.lone, b.lone, 2 * LONE_MIN - 2);
    e.pair = separators & later(e.twos, b.twos, 1);
    e.pair_twice = e.pair & later(e.pair, b.pair, 3);
    e.pair_four = e.pair_twice & later(e.pair_twice, b.pair_twice, 6);
    uint64_t is_pairs = e.pair_four & later(e.pair_four, b.pair_four, 12);
    e.octet = separators & later(e.eights, b.eights, 1);
    e.octet_twice = e.octet & later(e.octet, b.octet, OCTET + 1);
    uint64_t is_octets = e.octet_twice & later(e.octet_twice, b.octet_twice, 2 * OCTET + 2);
    *before = e;
    return (is_long ? LONG : 0) | (is_lone ? LONE : 0) | (is_pairs ? PAIRS : 0) |
           (is_octets ? OCTETS : 0);
}

/* Of each of 32 places a bit for each word that has these letters there. */
WIDE static inline __m256i words_at(const unsigned char *text, int from, int to) {
    __m256i having = _mm256_set1_epi8(-1);
    for (int letter = from; letter < to; letter++) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(text + letter));
        having = _mm256_and_si256(
            having, _mm256_shuffle_epi8(in_both(low_of[letter]), low_halves(bytes)));
        having = _mm256_and_si256(
            having, _mm256_shuffle_epi8(in_both(high_of[letter]), high_halves(bytes)));
    }
    return having;
}

/* The first letters tell of almost every text that no word is there. */
WIDE static inline unsigned words_in(const unsigned char *text) {
    __m256i having = words_at(text, 0, SIX_LETTERS / 2);
    if (_mm256_testz_si256(having, having)) return 0;
    having = _mm256_and_si256(having, words_at(text, SIX_LETTERS / 2, SIX_LETTERS));
    const __m256i is_reversed = _mm256_set1_epi8((1 << WORDS_REVERSED) - 1);
    return (_mm256_testz_si256(having, is_reversed) ? 0 : REVERSED) |
           (_mm256_testc_si256(is_reversed, having) ? 0 : ROT13);
}

WIDE static unsigned signs_wide(const unsigned char *text, Py_ssize_t size) {
    Seen s = {0};
    Ends before = {0};
    unsigned char last[AT_ONCE + SIX_LETTERS];
    for (Py_ssize_t at = 0; at < size; at += AT_ONCE) {
        const unsigned char *part = text + at;
        if (size - at < AT_ONCE + SIX_LETTERS) {
            memset(last, 0, sizeof last);
            part = memcpy(last, part, (size_t)(size - at));
        }
        s.found |= runs_in(
            in_class_64(part, classes[IN_RUN]), in_class_64(part, classes[SEPARATOR]), &before);
        s.found |= words_in(part) | words_in(part + AT_ONCE / 2);
        for (uint64_t left = in_class_64(part, classes[SPECIAL]); left; left &= left - 1) {
            int one = __builtin_ctzll(left);
            other(&s, part[one], part[one + 1]);
        }
    }
    return s.found | counted(&s);
}

static void make_tables(void) {
    for (int byte = 0; byte < 128; byte++) {
        if (shapes[byte] <= DIGIT) add_to_class(classes[IN_RUN], byte);
        if (shapes[byte] == BETWEEN) add_to_class(classes[SEPARATOR], byte);
        if (byte == '%' || byte == '&' || byte == ';' || byte == '\\')
            add_to_class(classes[SPECIAL], byte);
    }
    for (int word = 0; word < WORDS; word++)
        for (int letter = 0; letter < SIX_LETTERS; letter++) {
            uint32_t code = words[word] >> (5 * (SIX_LETTERS - 1 - letter)) & 31;
            low_of[letter][code & (HALF - 1)] |= (uint8_t)(1 << word);
            /* Small letters and capitals. */
            high_of[letter][6 | code >> 4] |= (uint8_t)(1 << word);
            high_of[letter][4 | code >> 4] |= (uint8_t)(1 << word);
        }
}
#else
static unsigned signs_wide(const unsigned char *text, Py_ssize_t size) { return signs_in(text, size); }
static void make_tables(void) {}
#endif

static PyObject *signs(PyObject *Py_UNUSED(module), PyObject *text) {
    if (!PyUnicode_Check(text) || !PyUnicode_IS_ASCII(text)) {
        PyErr_SetString(PyExc_ValueError, "signs are told of ASCII texts only");
        return NULL;
    }
    const unsigned char *data = PyUnicode_1BYTE_DATA(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    return PyLong_FromUnsignedLong(is_wide ? signs_wide(data, size) : signs_in(data, size));
}

static int module_exec(PyObject *Py_UNUSED(module)) {
    memset(shapes, OTHER, sizeof shapes);
    for (int byte = 0; byte < 128; byte++)
        if (Py_ISALPHA(byte)) shapes[byte] = LETTER;
    for (const char *c = "0123456789+/"; *c; c++) shapes[(int)*c] = DIGIT;
    for (const char *c = "-._* :,\n"; *c; c++) shapes[(int)*c] = BETWEEN;
    make_tables();
    is_wide = HAS_WIDE;
    return 0;
}

static PyMethodDef methods[] = {
    {"signs", signs, METH_O, "signs(text): see signs_of in gateway/scan/views.py."},
    USE_WIDE,
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._signs",
    .m_doc = "The signs of views.py in C.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__signs(void) { return PyModuleDef_Init(&module_def); }
