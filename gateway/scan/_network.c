/* Whether a value is an address of IPv6: what library/network.py says of ASCII, in C.
 *
 * Of what is no address nearly everything looks like one, so that nobody else is asked about it: the
 * rules are those of Python's `ipaddress` (RFC 4291 section 2.2, and a zone behind a percent sign). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

typedef const uint8_t *Bytes;
typedef Py_ssize_t Size;

enum { UNCLEAR = -1 };
enum { GROUPS = 8, GROUP_MOST = 4, COLONS_LEAST = 2, COLONS_MOST = 8 };

static inline int is_figure(uint8_t c) { return (uint8_t)(c - '0') < 10; }
static inline int is_hex(uint8_t c) { return is_figure(c) || (uint8_t)((c | 32) - 'a') < 6; }

/* Four numbers up to 255, none with a zero before it. */
static int is_ipv4(Bytes at, Size size) {
    int parts = 0;
    for (Size begin = 0; begin <= size; parts++) {
        Size end = begin;
        int number = 0;
        for (; end < size && is_figure(at[end]) && end - begin < 3; end++) number = number * 10 + at[end] - '0';
        if (end == begin || number > 255 || (at[begin] == '0' && end - begin > 1)) return 0;
        if (end < size && at[end] != '.') return 0;
        begin = end + 1;
    }
    return parts == 4;
}

/* The groups of an address whose colons were counted: how many 16 bits they are, or -1. */
static int count_groups(Bytes at, Size size) {
    int groups = 0;
    for (Size begin = 0; begin <= size;) {
        Bytes colon = begin < size ? memchr(at + begin, ':', (size_t)(size - begin)) : NULL;
        Size end = colon ? colon - at : size;
        if (end == size && memchr(at + begin, '.', (size_t)(end - begin)))
            return is_ipv4(at + begin, end - begin) ? groups + 2 : -1;
        if (end - begin > GROUP_MOST) return -1;
        for (Size n = begin; n < end; n++)
            if (!is_hex(at[n])) return -1;
        groups += end > begin;
        begin = end + 1;
    }
    return groups;
}

/* is_ipv6; UNCLEAR of a zone in which a colon stands. */
static int is_ipv6(Bytes at, Size size) {
    Bytes slash = memchr(at, '/', (size_t)size);
    if (size == 3 && !memcmp(at, "::1", 3)) return 0;
    if (slash) size = slash - at;
    int colons = 0, shortened = 0, most = 0, row = 0, figures = 0, letters = 0, dots = 0;
    for (Size n = 0; n < size; n++) {
        row = at[n] == ':' ? row + 1 : 0;
        colons += at[n] == ':';
        if (row == 2) shortened++;
        most = row > most ? row : most;
        figures += is_figure(at[n]);
        letters += is_hex(at[n]);
        dots += at[n] == '.';
    }
    if (colons < COLONS_LEAST || colons > COLONS_MOST || most > 2 || shortened > 1) return 0;
    if (shortened ? !figures : colons != (dots ? GROUPS - 2 : GROUPS - 1)) return 0;
    Bytes zone = memchr(at, '%', (size_t)size);
    if (zone) {
        Size behind = size - (zone - at) - 1;
        if (!behind || memchr(zone + 1, '%', (size_t)behind)) return 0;
        if (memchr(zone, ':', (size_t)behind + 1)) return UNCLEAR;
        size = zone - at;
    }
    if (size < 2 || (at[0] == ':' && at[1] != ':') || (at[size - 1] == ':' && at[size - 2] != ':')) return 0;
    int groups = count_groups(at, size);
    return groups >= 0 && letters && (shortened ? groups < GROUPS : groups == GROUPS);
}

static PyObject *ipv6(PyObject *Py_UNUSED(module), PyObject *value) {
    if (!PyUnicode_Check(value) || !PyUnicode_IS_ASCII(value)) {
        PyErr_SetString(PyExc_ValueError, "an address is a text in ASCII");
        return NULL;
    }
    int told = is_ipv6(PyUnicode_1BYTE_DATA(value), PyUnicode_GET_LENGTH(value));
    if (told == UNCLEAR) Py_RETURN_NONE;
    return PyBool_FromLong(told);
}

static PyMethodDef methods[] = {
    {"ipv6", ipv6, METH_O, "ipv6(value): see library/network.py."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._network",
    .m_doc = "Addresses of IPv6 in C.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__network(void) { return PyModuleDef_Init(&module_def); }
