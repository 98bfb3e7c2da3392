/* What encodings an ASCII text may hide orders in: what signs_of in views.py says, in one pass in C. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

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
    if (s.percents >= PERCENTS_MIN) s.found |= PERCENT;
    if (s.ampersands && s.semicolons) s.found |= ENTITY;
    return s.found;
}

static PyObject *signs(PyObject *Py_UNUSED(module), PyObject *text) {
    if (!PyUnicode_Check(text) || !PyUnicode_IS_ASCII(text)) {
        PyErr_SetString(PyExc_ValueError, "signs are told of ASCII texts only");
        return NULL;
    }
    return PyLong_FromUnsignedLong(
        signs_in(PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text)));
}

static int module_exec(PyObject *Py_UNUSED(module)) {
    memset(shapes, OTHER, sizeof shapes);
    for (int byte = 0; byte < 128; byte++)
        if (Py_ISALPHA(byte)) shapes[byte] = LETTER;
    for (const char *c = "0123456789+/"; *c; c++) shapes[(int)*c] = DIGIT;
    for (const char *c = "-._* :,\n"; *c; c++) shapes[(int)*c] = BETWEEN;
    return 0;
}

static PyMethodDef methods[] = {
    {"signs", signs, METH_O, "signs(text): see signs_of in gateway/scan/views.py."},
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
