/* Where a payment card may begin in a text: what library/cards.py says, in C.
 *
 * A row of groups of digits is kept as codes one behind the other, as there: the size of a group, and
 * both of its sums by ten. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

typedef const uint8_t *Bytes;
typedef Py_ssize_t Size;

enum { BEFORE = 48, CODE_BITS = 12, SIZE_MOST = 15, GROUP_LEAST = 12, GROUP_MOST = 19 };
#define LAST_FOUR UINT64_C(0xFFFFFFFFFFFF)
#define SIZES UINT64_C(0xF00F00F00F00F00)
#define SIZES_OF_FOUR UINT64_C(0xF00F00F00F00)
#define SIZES_OF_THREE UINT64_C(0xF00F00F00)

static inline int is_figure(uint8_t c) { return (uint8_t)(c - '0') < 10; }
static inline int is_word(uint8_t c) {
    return is_figure(c) || (uint8_t)((c | 32) - 'a') < 26 || c == '_';
}

/* Whether there are so many digits from `at` on. */
static inline int are_figures(Bytes data, Size size, Size at, int many) {
    if (at + many > size) return 0;
    for (int n = 0; n < many; n++)
        if (!is_figure(data[at + n])) return 0;
    return 1;
}

/* _SHAPE: where the next row begins that may be a card's, or -1. */
static Size next_row(Bytes data, Size size, Size at) {
    for (; at + GROUP_LEAST <= size || at + 9 <= size; at++) {
        if (!is_figure(data[at]) || (at && (is_word(data[at - 1]) || data[at - 1] == '.'))) continue;
        if (!are_figures(data, size, at + 1, 3)) continue;
        if (is_figure(data[at + 4])) {
            if (are_figures(data, size, at + 5, 7)) return at;
        } else if ((data[at + 4] == ' ' || data[at + 4] == '-') && are_figures(data, size, at + 5, 4)) {
            return at;
        }
    }
    return -1;
}

/* _group: its code; `at` goes behind it. */
static uint64_t group_at(Bytes data, Size size, Size *at) {
    unsigned even = 0, odd = 0;
    Size begin = *at, end = begin;
    for (; end < size && is_figure(data[end]); end++) {
        unsigned digit = data[end] - '0', twice = digit > 4 ? 2 * digit - 9 : 2 * digit;
        int is_second = (end - begin) & 1;
        even += is_second ? digit : twice;
        odd += is_second ? twice : digit;
    }
    *at = end;
    Size many = end - begin < SIZE_MOST ? end - begin : SIZE_MOST;
    return (uint64_t)many << 8 | even % 10 << 4 | odd % 10;
}

static unsigned total_of(uint64_t groups, int many) {
    unsigned total = 0;
    for (; many; many--, groups >>= CODE_BITS) total += groups & 15;
    return total;
}

/* _follows_word: whether the last letter or digit before is a letter. */
static int follows_word(Bytes data, Size at) {
    Size least = at > 4 * BEFORE ? at - 4 * BEFORE : 0;
    while (at > least) {
        uint8_t c = data[--at];
        if (c >= 128 || is_word(c)) return !is_figure(c);
    }
    return 0;
}

/* _is_issued: whether an issuer has numbers of this length that begin so. */
static int is_issued(unsigned prefix, Size many) {
    unsigned two = prefix / 100;
    if (prefix < 2200) return (prefix == 1800 || prefix == 2131) && many == 15;
    if (prefix < 3000) return (prefix <= 2204 || (prefix >= 2221 && prefix <= 2720)) && many == 16;
    if (prefix < 4000) {
        if (two == 34 || two == 37) return many == 15;
        if (two == 35) return many >= 16;
        return many >= 14 && (prefix <= 3059 || two == 36 || two >= 38);
    }
    if (prefix < 5000) return many == 13 || many == 16 || many == 19;
    if (prefix < 5100) return 1;
    if (prefix < 5600) return many == 16;
    return prefix < 5900 || (prefix >= 6000 && prefix <= 6999);
}

/* _beginning: where the number begins whose last group stands from `begin` to `at`, or -1. */
static Size beginning(Bytes data, uint64_t groups, Size begin, Size at) {
    Size many = at - begin;
    unsigned total;
    if (many >= GROUP_LEAST) {
        if (many > GROUP_MOST) return -1;
        total = many & 1 ? groups & 15 : groups >> 4 & 15;
    } else if ((groups & SIZES_OF_FOUR) == UINT64_C(0x400400400400)) {
        many = 16, begin = at - 19, total = total_of(groups >> 4, 4);
    } else if ((groups & SIZES_OF_THREE) == UINT64_C(0x400600400)) {
        many = 14, begin = at - 16, total = total_of(groups >> 4, 3);
    } else if ((groups & SIZES_OF_THREE) == UINT64_C(0x400600500)) {
        many = 15, begin = at - 17, total = total_of(groups, 3);
    } else if ((groups & SIZES) == UINT64_C(0x400400400400300)) {
        many = 19, begin = at - 23, total = total_of(groups, 5);
    } else {
        return -1;
    }
    if (total % 10) return -1;
    unsigned prefix = 0;
    for (int n = 0; n < 4; n++) prefix = prefix * 10 + data[begin + n] - '0';
    return is_issued(prefix, many) || follows_word(data, begin) ? begin : -1;
}

static int tell(PyObject *places, Size place) {
    PyObject *number = PyLong_FromSsize_t(place);
    int failed = !number || PyList_Append(places, number) < 0;
    Py_XDECREF(number);
    return failed;
}

static int find_all(PyObject *places, Bytes data, Size size) {
    Size at = 0, told = -1;
    while ((at = next_row(data, size, at)) >= 0) {
        uint64_t groups = 0;
        for (;;) {
            Size begin = at;
            uint64_t code = group_at(data, size, &at);
            if (at == begin) break;
            groups = (groups & LAST_FOUR) << CODE_BITS | code;
            uint8_t following = at < size ? data[at] : 0;
            if (!is_word(following)) {
                Size start = beginning(data, groups, begin, at);
                if (start > told && tell(places, start)) return -1;
                if (start > told) told = start;
            }
            at++;
            if (following != ' ' && following != '-') break;
        }
    }
    return 0;
}

static PyObject *may_begin(PyObject *Py_UNUSED(module), PyObject *data) {
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "bytes are searched");
        return NULL;
    }
    PyObject *places = PyList_New(0), *found = NULL;
    if (places && !find_all(places, (Bytes)PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)))
        found = PyObject_GetIter(places);
    Py_XDECREF(places);
    return found;
}

static PyMethodDef methods[] = {
    {"may_begin", may_begin, METH_O, "may_begin(data): see library/cards.py."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._cards",
    .m_doc = "The screen of library/cards.py in C.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__cards(void) { return PyModuleDef_Init(&module_def); }
