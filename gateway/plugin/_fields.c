/* The fields of a message by their names: what `indexed` in headers.py says, in C. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* The name in lower case; mostly it is, and is itself then. A new reference. */
static PyObject *lowered(PyObject *name) {
    Py_ssize_t size = PyBytes_GET_SIZE(name);
    const char *from = PyBytes_AS_STRING(name);
    Py_ssize_t at = 0;
    while (at < size && !Py_ISUPPER(from[at])) at++;
    if (at == size) return Py_NewRef(name);
    PyObject *made = PyBytes_FromStringAndSize(NULL, size);
    if (made == NULL) return NULL;
    char *to = PyBytes_AS_STRING(made);
    for (at = 0; at < size; at++) to[at] = (char)Py_TOLOWER(from[at]);
    return made;
}

/* Keeps the first field of each name. Returns -1 with an exception set. */
static int keep(PyObject *index, PyObject *field) {
    if (!PyTuple_CheckExact(field) || PyTuple_GET_SIZE(field) != 2 ||
        !PyBytes_CheckExact(PyTuple_GET_ITEM(field, 0))) {
        PyErr_SetString(PyExc_TypeError, "a field is a pair of bytes");
        return -1;
    }
    PyObject *name = lowered(PyTuple_GET_ITEM(field, 0));
    if (name == NULL) return -1;
    PyObject *kept = PyDict_SetDefault(index, name, field);
    Py_DECREF(name);
    return kept == NULL ? -1 : 0;
}

static PyObject *indexed(PyObject *Py_UNUSED(module), PyObject *fields) {
    if (!PyList_CheckExact(fields)) {
        PyErr_SetString(PyExc_TypeError, "fields are a list");
        return NULL;
    }
    PyObject *index = PyDict_New();
    if (index == NULL) return NULL;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(fields); at++) {
        if (keep(index, PyList_GET_ITEM(fields, at)) < 0) {
            Py_DECREF(index);
            return NULL;
        }
    }
    return index;
}

static PyMethodDef methods[] = {
    {"indexed", indexed, METH_O, "See headers.py."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.plugin._fields",
    .m_doc = "The index of headers.py in C.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__fields(void) { return PyModuleDef_Init(&module_def); }
