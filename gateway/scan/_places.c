/* Which character of a text stands at a byte of its UTF-8, and at which byte a character (search.py).
 *
 * The characters before each block are counted once, so that a question costs a block at most. The
 * text is whole: a character begins at each byte that continues none (RFC 3629 section 3). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 128, WORD = 8 };

typedef struct {
    PyObject_HEAD
    PyObject *text;
    Py_ssize_t *before; /* characters that begin before each block, and before the end */
} Places;

static inline int begins(uint8_t byte) { return (byte & 0xC0) != 0x80; }

/* How many characters begin there. */
static Py_ssize_t beginning(const uint8_t *data, Py_ssize_t at, Py_ssize_t stop) {
    Py_ssize_t found = 0;
    for (; at + WORD <= stop; at += WORD) {
        uint64_t bytes;
        memcpy(&bytes, data + at, WORD);
        uint64_t within = bytes >> 7 & ~bytes >> 6 & 0x0101010101010101u;
        found += WORD - (Py_ssize_t)(within * 0x0101010101010101u >> 56);
    }
    for (; at < stop; at++) found += begins(data[at]);
    return found;
}

static int places_init(Places *self, PyObject *args, PyObject *Py_UNUSED(names)) {
    PyObject *text;
    if (!PyArg_ParseTuple(args, "S:Places", &text)) return -1;
    if (self->text) {
        PyErr_SetString(PyExc_ValueError, "made once");
        return -1;
    }
    Py_ssize_t size = PyBytes_GET_SIZE(text), blocks = size / BLOCK;
    const uint8_t *data = (const uint8_t *)PyBytes_AS_STRING(text);
    self->before = PyMem_Malloc(((size_t)blocks + 1) * sizeof *self->before);
    if (!self->before) {
        PyErr_NoMemory();
        return -1;
    }
    self->before[0] = 0;
    for (Py_ssize_t n = 0; n < blocks; n++)
        self->before[n + 1] = self->before[n] + beginning(data, n * BLOCK, (n + 1) * BLOCK);
    self->text = Py_NewRef(text);
    return 0;
}

static void places_dealloc(Places *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(self->before);
    Py_XDECREF(self->text);
    type->tp_free(self);
    Py_DECREF(type);
}

/* A number from nothing to `most`; -1 with an exception. */
static Py_ssize_t number(const Places *self, PyObject *of, Py_ssize_t most) {
    Py_ssize_t found = PyLong_AsSsize_t(of);
    if (PyErr_Occurred()) return -1;
    if (self->text && found >= 0 && found <= most) return found;
    PyErr_SetString(PyExc_ValueError, "no place of this text");
    return -1;
}

static PyObject *character(Places *self, PyObject *of) {
    Py_ssize_t place = number(self, of, self->text ? PyBytes_GET_SIZE(self->text) : 0);
    if (place < 0) return NULL;
    const uint8_t *data = (const uint8_t *)PyBytes_AS_STRING(self->text);
    Py_ssize_t block = place / BLOCK;
    return PyLong_FromSsize_t(self->before[block] + beginning(data, block * BLOCK, place));
}

/* The last block before which there are at most so many characters. */
static Py_ssize_t block_of(const Places *self, Py_ssize_t many) {
    Py_ssize_t low = 0, high = PyBytes_GET_SIZE(self->text) / BLOCK;
    while (low < high) {
        Py_ssize_t middle = (low + high + 1) / 2;
        if (self->before[middle] <= many)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static PyObject *place(Places *self, PyObject *of) {
    Py_ssize_t many = number(self, of, self->text ? PyBytes_GET_SIZE(self->text) : 0);
    if (many < 0) return NULL;
    const uint8_t *data = (const uint8_t *)PyBytes_AS_STRING(self->text);
    Py_ssize_t size = PyBytes_GET_SIZE(self->text), block = block_of(self, many), at = block * BLOCK;
    Py_ssize_t left = many - self->before[block];
    /* A character that was begun is passed to its end. */
    while (at < size && (left > 0 || !begins(data[at]))) left -= begins(data[at++]);
    return PyLong_FromSsize_t(at);
}

static PyMethodDef places_methods[] = {
    {"character", (PyCFunction)character, METH_O,
     "character(place): how many characters begin before this byte."},
    {"place", (PyCFunction)place, METH_O,
     "place(character): the byte at which it begins; the end where there is none."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot places_slots[] = {
    {Py_tp_init, places_init},
    {Py_tp_dealloc, places_dealloc},
    {Py_tp_methods, places_methods},
    {Py_tp_doc, "Places(data): the places of a text in UTF-8."},
    {0, NULL},
};

static PyType_Spec places_spec = {
    .name = "gateway.scan._places.Places",
    .basicsize = sizeof(Places),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = places_slots,
};

static int module_exec(PyObject *module) {
    PyObject *type = PyType_FromSpec(&places_spec);
    if (!type) return -1;
    int added = PyModule_AddObjectRef(module, "Places", type);
    Py_DECREF(type);
    return added;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._places",
    .m_doc = "Places of characters in UTF-8.",
    .m_size = 0,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__places(void) { return PyModuleDef_Init(&module_def); }
