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

enum { OTHER, INSIDE, BETWEEN }; /* of a run of letters and digits, between two, or neither */

/* A word of six letters, five bits each. */
#define SIX(a, b, c, d, e, f) \
    ((uint32_t)((a) & 31) << 25 | ((b) & 31) << 20 | ((c) & 31) << 15 | ((d) & 31) << 10 | \
     ((e) & 31) << 5 | ((f) & 31))
#define SIX_MASK ((1u << 30) - 1)

typedef struct {
    int percents, ampersands, semicolons, escapes;
    int run, pairs, octets, lone;
    unsigned found;
} Seen;

/* A separator: how many runs of one length there have been in a row, each with one behind it. */
static inline int in_a_row(int count, int run, int length) {
    if (run == length) return count + 1;
    return run > length; /* the end of a longer run counts as the first */
}

static inline void separate(Seen *s) {
    s->pairs = in_a_row(s->pairs, s->run, 2);
    s->octets = in_a_row(s->octets, s->run, OCTET);
    s->lone = in_a_row(s->lone, s->run, 1);
    if (s->pairs >= PAIRS_MIN) s->found |= PAIRS;
    if (s->octets >= OCTETS_MIN) s->found |= OCTETS;
    if (s->lone >= LONE_MIN) s->found |= LONE;
    s->run = 0;
}

static inline void mark(Seen *s, unsigned char byte, unsigned char before) {
    s->percents += byte == '%';
    s->ampersands |= byte == '&';
    s->semicolons |= byte == ';';
    s->escapes |= before == '\\' && (byte == 'x' || byte == 'u');
}

static inline unsigned known_word(uint32_t six) {
    switch (six) {
    case SIX('s', 'n', 'o', 'i', 't', 'c'):
    case SIX('e', 'r', 'o', 'n', 'g', 'i'):
    case SIX('t', 'p', 'm', 'o', 'r', 'p'):
    case SIX('t', 'e', 'g', 'r', 'o', 'f'):
        return REVERSED;
    case SIX('v', 'a', 'f', 'g', 'e', 'h'):
    case SIX('v', 't', 'a', 'b', 'e', 'r'):
    case SIX('c', 'e', 'b', 'z', 'c', 'g'):
    case SIX('s', 'b', 'e', 't', 'r', 'g'):
        return ROT13;
    default:
        return 0;
    }
}

static int is_separator(unsigned char byte) {
    return byte != 0 && strchr("-._* :,\n", byte) != NULL;
}

static unsigned char shapes[128];

static unsigned signs_in(const unsigned char *text, Py_ssize_t size) {
    Seen s = {0};
    uint32_t six = 0;
    unsigned char before = 0;
    for (Py_ssize_t at = 0; at < size; at++) {
        unsigned char byte = text[at], shape = shapes[byte & 127];
        if (shape == INSIDE) {
            if (++s.run == LONG_RUN) s.found |= LONG;
        } else if (shape == BETWEEN) {
            separate(&s);
        } else {
            s.run = s.pairs = s.octets = s.lone = 0;
        }
        int is_letter = (unsigned char)((byte | 32) - 'a') < 26;
        six = is_letter ? (six << 5 | (byte & 31)) & SIX_MASK : 0;
        s.found |= known_word(six);
        mark(&s, byte, before);
        before = byte;
    }
    if (s.percents >= PERCENTS_MIN) s.found |= PERCENT;
    if (s.ampersands && s.semicolons) s.found |= ENTITY;
    if (s.escapes) s.found |= ESCAPE;
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
    for (int byte = 0; byte < 128; byte++) {
        int is_inside = Py_ISALNUM(byte) || byte == '+' || byte == '/';
        shapes[byte] = is_inside ? INSIDE : is_separator((unsigned char)byte) ? BETWEEN : OTHER;
    }
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
