/* A head written from its fields in one piece: what `joined` in headers.py says, in C. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

enum { LINES_AT_HAND = 64 };

typedef struct {
    PyObject *name, *value; /* bytes; borrowed */
} Line;

typedef struct {
    Line at_hand[LINES_AT_HAND];
    Line *lines;
    Py_ssize_t count, size;
} Lines;

/* The line of one field, unless it is left out. Returns -1 with an exception set. */
static int add_line(Lines *l, PyObject *key, PyObject *field, PyObject *dropped, PyObject *changed) {
    int is_dropped = PySet_Contains(dropped, key);
    if (is_dropped) return is_dropped < 0 ? -1 : 0;
    if (!PyTuple_CheckExact(field) || PyTuple_GET_SIZE(field) != 2) {
        PyErr_SetString(PyExc_TypeError, "a field is a pair of name and value");
        return -1;
    }
    PyObject *name = PyTuple_GET_ITEM(field, 0), *value = PyDict_GetItemWithError(changed, key);
    if (value == NULL) {
        if (PyErr_Occurred()) return -1;
        value = PyTuple_GET_ITEM(field, 1);
    }
    if (!PyBytes_Check(name) || !PyBytes_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "names and values of fields are bytes");
        return -1;
    }
    l->lines[l->count++] = (Line){name, value};
    l->size += PyBytes_GET_SIZE(name) + PyBytes_GET_SIZE(value) + 4;
    return 0;
}

static int collect(Lines *l, PyObject *fields, PyObject *dropped, PyObject *changed) {
    PyObject *key, *field;
    for (Py_ssize_t at = 0; PyDict_Next(fields, &at, &key, &field);)
        if (add_line(l, key, field, dropped, changed) < 0) return -1;
    return 0;
}

static char *put(char *to, PyObject *bytes) {
    Py_ssize_t size = PyBytes_GET_SIZE(bytes);
    memcpy(to, PyBytes_AS_STRING(bytes), (size_t)size);
    return to + size;
}

static PyObject *written(const Lines *l, PyObject *start, PyObject *added) {
    Py_ssize_t size = PyBytes_GET_SIZE(start) + l->size + PyBytes_GET_SIZE(added) + 2;
    PyObject *head = PyBytes_FromStringAndSize(NULL, size);
    if (head == NULL) return NULL;
    char *to = put(PyBytes_AS_STRING(head), start);
    for (Py_ssize_t i = 0; i < l->count; i++) {
        to = put(to, l->lines[i].name);
        *to++ = ':', *to++ = ' ';
        to = put(to, l->lines[i].value);
        *to++ = '\r', *to++ = '\n';
    }
    to = put(to, added);
    *to++ = '\r', *to++ = '\n';
    return head;
}

/* Nothing here runs code of Python's as long as the keys are bytes, so that nothing changes meanwhile
 * and what is borrowed stays. */
static int has_names_of_bytes(PyObject *dict) {
    PyObject *key;
    for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, NULL);)
        if (!PyBytes_CheckExact(key)) return 0;
    return 1;
}

static PyObject *joined(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count != 5 || !PyBytes_Check(args[0]) || !PyDict_CheckExact(args[1]) ||
        !PyAnySet_CheckExact(args[2]) || !PyDict_CheckExact(args[3]) || !PyBytes_Check(args[4]) ||
        !has_names_of_bytes(args[1])) {
        PyErr_SetString(PyExc_TypeError, "joined(start, fields, dropped, changed, added)");
        return NULL;
    }
    Lines l = {.lines = l.at_hand};
    Py_ssize_t most = PyDict_GET_SIZE(args[1]);
    if (most > LINES_AT_HAND) {
        l.lines = PyMem_Malloc((size_t)most * sizeof *l.lines);
        if (l.lines == NULL) return PyErr_NoMemory();
    }
    PyObject *head = NULL;
    if (collect(&l, args[1], args[2], args[3]) == 0) head = written(&l, args[0], args[4]);
    if (l.lines != l.at_hand) PyMem_Free(l.lines);
    return head;
}

static PyMethodDef methods[] = {
    {"joined", (PyCFunction)(void (*)(void))joined, METH_FASTCALL, "See headers.py."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.proxy._heads",
    .m_doc = "Heads as headers.py writes them, in C.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__heads(void) { return PyModuleDef_Init(&module_def); }
