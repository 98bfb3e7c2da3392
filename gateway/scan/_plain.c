/* A text without its disguises: what normalise.py describes, in C.
 *
 * `codes` and `long` are those of alphabet.py, which says what an entry holds. A first pass over the
 * text tells whether anything changes and how long the result is; most texts end there.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#define POINTS (1 << 17)
#define CODE_MASK ((1u << 21) - 1)
#define LENGTH(entry) ((entry) >> 21 & 7)
#define SCRIPT(entry) ((entry) >> 24 & 3)
#define IS_LETTER(entry) ((entry) >> 26 & 1)

enum { LATIN = 1, LOOKALIKE = 2, MIXED = 3 };
enum { TAG_OFFSET = 0xE0000, TAG_FIRST = 0xE0020, TAG_LAST = 0xE007E, TAGS_END = 0xE0200 };

typedef struct {
    const uint8_t *codes, *rest;
    Py_ssize_t rest_size;
} Alphabet;

static inline uint32_t four(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* The entry of a code point; one that has none stands for itself. */
static inline uint32_t entry_of(const Alphabet *a, uint32_t code) {
    if (code < POINTS) return four(a->codes + (size_t)code * 4);
    if (code < TAG_OFFSET || code >= TAGS_END) return 1u << 21 | code;
    return code >= TAG_FIRST && code <= TAG_LAST ? 1u << 21 | (code - TAG_OFFSET) : 0;
}

/* What an entry of length 1 stands for. */
static inline uint32_t meant(uint32_t entry, uint32_t code) {
    return SCRIPT(entry) == LOOKALIKE ? code : entry & CODE_MASK;
}

/* Look-alikes made Latin within words that also have Latin letters. */
static void unmix(const Alphabet *a, Py_UCS4 *text, Py_ssize_t size) {
    Py_ssize_t at = 0;
    while (at < size) {
        Py_ssize_t begin = at;
        uint32_t entry = 0, scripts = 0;
        for (; at < size; at++) {
            entry = entry_of(a, text[at]);
            if (!IS_LETTER(entry)) break;
            scripts |= SCRIPT(entry);
        }
        for (Py_ssize_t i = begin; scripts == MIXED && i < at; i++) {
            entry = entry_of(a, text[i]);
            if (SCRIPT(entry) == LOOKALIKE) text[i] = entry & CODE_MASK;
        }
        at++;
    }
}

/* Writes what the text stands for and returns the scripts of its letters; -1 if a table is not one. */
static int write_plain(const Alphabet *a, int kind, const void *data, Py_ssize_t size, Py_UCS4 *out) {
    int scripts = 0;
    for (Py_ssize_t at = 0; at < size; at++) {
        uint32_t code = PyUnicode_READ(kind, data, at), entry = entry_of(a, code);
        uint32_t length = LENGTH(entry), first = entry & CODE_MASK;
        if (length == 1) {
            *out = meant(entry, code);
            scripts |= SCRIPT(entry_of(a, *out++));
            continue;
        }
        if ((Py_ssize_t)(first + length) * 4 > a->rest_size) return -1;
        for (uint32_t i = 0; i < length; i++) {
            *out = four(a->rest + (size_t)(first + i) * 4);
            scripts |= SCRIPT(entry_of(a, *out++));
        }
    }
    return scripts;
}

static PyObject *made_plain(const Alphabet *a, PyObject *text, Py_ssize_t made) {
    Py_UCS4 *out = PyMem_Malloc((size_t)(made ? made : 1) * sizeof *out);
    if (out == NULL) return PyErr_NoMemory();
    int kind = PyUnicode_KIND(text);
    int scripts =
        write_plain(a, kind, PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text), out);
    PyObject *found = NULL;
    if (scripts < 0) {
        PyErr_SetString(PyExc_ValueError, "these tables are not of one alphabet: sizes differ");
    } else {
        if (scripts == MIXED) unmix(a, out, made);
        found = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, out, made);
    }
    PyMem_Free(out);
    return found;
}

static PyObject *plain(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *text;
    Py_buffer codes, rest;
    if (!PyArg_ParseTuple(args, "Uy*y*:plain", &text, &codes, &rest)) return NULL;
    PyObject *found = NULL;
    if (codes.len != POINTS * 4) {
        PyErr_SetString(PyExc_ValueError, "these tables are not of one alphabet: sizes differ");
        goto done;
    }
    Alphabet a = {codes.buf, rest.buf, rest.len};
    int kind = PyUnicode_KIND(text), changes = 0;
    const void *data = PyUnicode_DATA(text);
    uint32_t scripts = 0;
    Py_ssize_t size = PyUnicode_GET_LENGTH(text), made = 0;
    for (Py_ssize_t at = 0; at < size; at++) {
        uint32_t code = PyUnicode_READ(kind, data, at), entry = entry_of(&a, code);
        made += LENGTH(entry);
        scripts |= SCRIPT(entry);
        changes |= LENGTH(entry) != 1 || meant(entry, code) != code;
    }
    found = changes || scripts == MIXED ? made_plain(&a, text, made) : Py_NewRef(text);
done:
    PyBuffer_Release(&codes);
    PyBuffer_Release(&rest);
    if (found != NULL && found != text && PyUnicode_Compare(found, text) == 0) {
        Py_DECREF(found);
        found = Py_NewRef(text);
    }
    return found;
}

static PyMethodDef methods[] = {
    {"plain", plain, METH_VARARGS, "plain(text, codes, long): see gateway/scan/normalise.py."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._plain",
    .m_doc = "The normaliser of normalise.py in C.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__plain(void) { return PyModuleDef_Init(&module_def); }
