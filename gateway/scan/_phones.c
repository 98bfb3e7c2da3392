/* Which numbers are no telephone number for certain: what library/contact.py says of them, in C.
 *
 * A text may be full of numbers, and nearly each of them looks like one. What a number is written
 * like and what stands before it is told here, so that only what may count is brought out. The
 * expressions of contact.py are written out here, each beside its name. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { BEFORE = 48, DIGITS_MIN = 7, DIGITS_MAX = 15, GROUPED_MIN = 9, INTERNATIONAL_MIN = 8 };
/* Groups of digits that an expression of dates or of dotted numbers may have. */
enum { GROUPS = 9 };

typedef struct {
    PyObject_HEAD
    PyObject *near, *plans; /* the methods that search for what names one, and for national numbers */
} Phones;

typedef struct {
    const uint8_t *at;
    Py_ssize_t size;
    uint8_t number[DIGITS_MAX + 1];
    int digits, is_bare;
} Value;

typedef struct {
    int many;                     /* one more than GROUPS where there are more */
    const uint8_t *at[GROUPS];
    Py_ssize_t size[GROUPS];
} Groups;

static inline int is_figure(unsigned c) { return c - '0' < 10; }
static inline int is_letter(unsigned c) { return (c | 32) - 'a' < 26; }
static inline int is_among(unsigned c, const char *those) { return c && strchr(those, (int)c); }
/* \s */
static inline int is_space(unsigned c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* -- what it is written like */

/* The digits of it but for an extension; whether there may be so many. */
static int read_number(Value *value) {
    int is_bare = 1, reading = 1, alike = 1;
    value->digits = 0;
    for (Py_ssize_t i = 0; i < value->size; i++) {
        uint8_t c = value->at[i];
        if (!is_figure(c)) {
            is_bare = 0;
            reading &= c != 'x' && c != 'e';
        } else if (reading) {
            if (value->digits == DIGITS_MAX) return 0;
            value->number[value->digits++] = c;
            alike &= c == value->number[0];
        }
    }
    value->is_bare = is_bare;
    return value->digits >= DIGITS_MIN && !alike;
}

/* The groups of digits of what begins with one; nothing may stand behind the last. */
static void read_groups(Groups *groups, const Value *value) {
    const uint8_t *at = value->at, *end = at + value->size;
    groups->many = 0;
    while (at < end) {
        if (groups->many == GROUPS) {
            groups->many++;
            return;
        }
        const uint8_t *begin = at;
        while (at < end && is_figure(*at)) at++;
        groups->at[groups->many] = begin;
        groups->size[groups->many++] = at - begin;
        while (at < end && !is_figure(*at)) at++;
    }
}

/* Whether one character of these stands between a group and the next one. */
static int between(const Groups *groups, int group, const char *those) {
    const uint8_t *end = groups->at[group] + groups->size[group];
    return groups->at[group + 1] - end == 1 && is_among(*end, those);
}

/* A number of two digits at most and without a zero alone, up to `most`. */
static int is_up_to(const Groups *groups, int group, int most) {
    const uint8_t *at = groups->at[group];
    if (groups->size[group] > 2) return 0;
    int number = groups->size[group] == 1 ? at[0] - '0' : (at[0] - '0') * 10 + at[1] - '0';
    return number >= 1 && number <= most;
}

static int is_year(const Groups *groups, int group) {
    const uint8_t *at = groups->at[group];
    return groups->size[group] == 4 && (!memcmp(at, "19", 2) || !memcmp(at, "20", 2));
}

/* `\s?[-/]\s?` between the first two groups. */
static int is_range(const Groups *groups) {
    const uint8_t *at = groups->at[0] + groups->size[0], *end = groups->at[1];
    if (is_space(*at)) at++;
    if (at == end || !is_among(*at, "-/")) return 0;
    at++;
    if (at < end && is_space(*at)) at++;
    return at == end;
}

/* Groups of three digits at most with dots between them. */
static int is_dotted(const Groups *groups) {
    for (int group = 0; group < groups->many; group++) {
        if (groups->size[group] > 3) return 0;
        if (group + 1 < groups->many && !between(groups, group, ".")) return 0;
    }
    return 1;
}

/* _DATES, of what begins with a digit. */
static int is_date(const Groups *groups, const Value *value) {
    int many = groups->many;
    if (!is_figure(value->at[value->size - 1])) return 0;
    if (many == 2) {
        if (between(groups, 0, ".")) return 1;
        return is_year(groups, 0) && (groups->size[1] == 2 || is_year(groups, 1)) && is_range(groups);
    }
    if (many != 3 && many != 4) return 0;
    if (many == 4 && is_dotted(groups)) return 1;
    int is_tail = many == 3 || (groups->size[3] == 2 && between(groups, 2, " "));
    if (is_tail && is_year(groups, 0) && between(groups, 0, "-./ ") && between(groups, 1, "-./ "))
        return is_up_to(groups, 1, 12) && is_up_to(groups, 2, 31);
    return many == 3 && between(groups, 0, "-./") && between(groups, 1, "-./") &&
           is_up_to(groups, 0, 31) && is_up_to(groups, 1, 31) &&
           (groups->size[2] == 2 || is_year(groups, 2));
}

/* -- what stands before it */

/* Where the character before `at` begins. */
static inline Py_ssize_t back(const uint8_t *data, Py_ssize_t at) {
    do at--;
    while (at > 0 && (data[at] & 0xC0) == 0x80);
    return at;
}

/* A character of more than one byte, of valid UTF-8. */
static Py_UCS4 decoded(const uint8_t *at) {
    int more = *at >= 0xF0 ? 3 : *at >= 0xE0 ? 2 : 1;
    Py_UCS4 point = *at & (0x3F >> more);
    for (int n = 1; n <= more; n++) point = point << 6 | (at[n] & 0x3F);
    return point;
}

/* _has_word: whether two letters, or a sign of what is counted, stand behind the last digit. */
static int has_word(const uint8_t *data, Py_ssize_t start) {
    int letter = 0;
    Py_ssize_t at = start;
    for (int many = 0; at > 0 && many < BEFORE; many++) {
        at = back(data, at);
        uint8_t c = data[at];
        if (is_figure(c)) return 0;
        if (c < 128 ? is_letter(c) : Py_UNICODE_ISALPHA(decoded(data + at))) {
            if (letter) return 1;
            letter = 1;
        } else {
            if (is_among(c, "$#") || (c >= 128 && (decoded(data + at) == 0x20AC || decoded(data + at) == 0xA3)))
                return 1;
            letter = 0;
        }
    }
    return 0;
}

/* Whether an expression is in a stretch; -1 with an exception. */
static int said(PyObject *search, const uint8_t *at, Py_ssize_t size) {
    PyObject *args[3] = {PyBytes_FromStringAndSize((const char *)at, size), PyLong_FromLong(0),
                         PyLong_FromSsize_t(size + 1)};
    PyObject *found = NULL;
    if (args[0] && args[1] && args[2]) found = PyObject_Vectorcall(search, args, 3, NULL);
    for (int n = 0; n < 3; n++) Py_XDECREF(args[n]);
    if (!found) return -1;
    int is_said = found != Py_None;
    Py_DECREF(found);
    return is_said;
}

/* _PHONE_NEAR: what names one has no digit and no line's end, and none stands behind it. */
static int is_named(const Phones *self, const uint8_t *data, Py_ssize_t start) {
    Py_ssize_t at = start;
    for (int many = 0; at > 0 && many < BEFORE; many++) {
        at = back(data, at);
        if (is_figure(data[at]) || data[at] == '\n') break;
    }
    return said(self->near, data + at, start - at);
}

/* -- both */

/* _valid_at_home. */
static int is_at_home(const Phones *self, const Value *value) {
    int prefix = value->number[0] == '0' || value->number[0] == '1';
    return said(self->plans, value->number + prefix, value->digits - prefix);
}

/* _is_valid; of what has a country's code it is not told, so that it may be. */
static int may_be_valid(const Phones *self, const Value *value, const Groups *groups) {
    if (value->at[0] == '+') return value->digits >= INTERNATIONAL_MIN;
    int is_grouped = 0, has_slash = 0;
    for (Py_ssize_t i = 0; i < value->size; i++) {
        is_grouped |= is_among(value->at[i], " -.()");
        has_slash |= value->at[i] == '/';
    }
    if (!is_grouped) {
        int is_long = value->digits == 10 || value->digits == 11;
        return value->number[0] == '0' && is_long ? is_at_home(self, value) : 0;
    }
    if (value->digits < GROUPED_MIN || has_slash) return 0;
    if (value->number[0] != '0' && is_figure(value->at[0]) && groups->many >= 4 &&
        groups->many <= GROUPS && is_figure(value->at[value->size - 1]) && is_dotted(groups))
        return 0; /* _DOTTED */
    return is_at_home(self, value);
}

static int may_count(const Phones *self, const uint8_t *data, Py_ssize_t start, Py_ssize_t stop) {
    Value value = {.at = data + start, .size = stop - start};
    Groups groups = {0};
    if (!read_number(&value)) return 0;
    if (!value.is_bare && is_figure(value.at[0])) {
        read_groups(&groups, &value);
        if (is_date(&groups, &value)) return 0;
    }
    int valid = may_be_valid(self, &value, &groups);
    return valid || !has_word(data, start) ? valid : is_named(self, data, start);
}

static PyObject *may_be(Phones *self, PyObject *const *args, Py_ssize_t many) {
    if (many != 3 || !PyBytes_Check(args[0]) || !self->plans) {
        PyErr_SetString(PyExc_TypeError, "may_be(data, start, stop) looks at bytes");
        return NULL;
    }
    Py_ssize_t start = PyLong_AsSsize_t(args[1]), stop = PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred()) return NULL;
    if (start < 0 || stop <= start || stop > PyBytes_GET_SIZE(args[0])) {
        PyErr_SetString(PyExc_ValueError, "no value stands there");
        return NULL;
    }
    int may = may_count(self, (const uint8_t *)PyBytes_AS_STRING(args[0]), start, stop);
    return may < 0 ? NULL : PyBool_FromLong(may);
}

static int phones_init(Phones *self, PyObject *args, PyObject *Py_UNUSED(names)) {
    PyObject *near, *plans;
    if (!PyArg_ParseTuple(args, "OO", &near, &plans)) return -1;
    if (self->near) {
        PyErr_SetString(PyExc_ValueError, "it is made once");
        return -1;
    }
    self->near = Py_NewRef(near);
    self->plans = Py_NewRef(plans);
    return 0;
}

static void phones_dealloc(Phones *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->near);
    Py_XDECREF(self->plans);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef phones_methods[] = {
    {"may_be", (PyCFunction)(void (*)(void))may_be, METH_FASTCALL,
     "may_be(data, start, stop): False where the validator of telephone numbers rejects what stands "
     "there, which is ASCII."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot phones_slots[] = {
    {Py_tp_init, phones_init},
    {Py_tp_dealloc, phones_dealloc},
    {Py_tp_methods, phones_methods},
    {Py_tp_doc, "Phones(near, plans): the searches for what names one, and for national numbers."},
    {0, NULL},
};

static PyType_Spec phones_spec = {
    .name = "gateway.scan._phones.Phones",
    .basicsize = sizeof(Phones),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = phones_slots,
};

static int module_exec(PyObject *module) {
    PyObject *type = PyType_FromSpec(&phones_spec);
    if (!type) return -1;
    int added = PyModule_AddObjectRef(module, "Phones", type);
    Py_DECREF(type);
    return added;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._phones",
    .m_doc = "What is no telephone number, in C.",
    .m_size = 0,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__phones(void) { return PyModuleDef_Init(&module_def); }
