/* Whether a number with check digits may be one: what library/check_digits.py says, in C.
 *
 * A Number is made of the rules of each length, as check_digits.py tells them in tuples. What they
 * read is checked when it is made, so that a value is read without a look at each place. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { LENGTH_MAX = 32, CHARACTERS = 128, NONE = 255, PAIRS = 100 };
enum { NO, YES, UNCLEAR };
enum { SUM, CHAIN, REPEATED, DATED, AMONG, VERHOEFF, PALINDROME };

typedef struct {
    int kind, start, size;
    const uint8_t *first, *second, *third; /* tables: what they are depends on the kind */
    /* of a sum */
    const uint8_t *weights, *expected;
    int modulus, leaves, at;
    /* of a date; of parts, their width and how many there are */
    int day, month, year, flag, width, many;
} Rule;

typedef struct {
    int place;
    const uint8_t *characters;
    Py_ssize_t many;
} Known;

typedef struct {
    Rule *rules;
    Known *known;
    Py_ssize_t many, many_known;
} Form;

typedef struct {
    Form *forms;
    Py_ssize_t many;
} Forms;

typedef struct {
    PyObject_HEAD
    PyObject *parts; /* what the tables point into */
    Forms of[LENGTH_MAX + 1];
} Number;

static const uint8_t days_of[13] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
static const char dihedral[] = "0123456789" "1234067895" "2340178956" "3401289567" "4012395678"
                               "5987604321" "6598710432" "7659821043" "8765932104" "9876543210";
static const char permuted[] = "0123456789" "1576283094" "5803796142" "8916043527" "9453126870"
                               "4286573901" "2793806415" "7046913258";

static inline int is_figure(uint8_t c) { return (uint8_t)(c - '0') < 10; }
static inline int is_letter(uint8_t c) { return (uint8_t)((c | 32) - 'a') < 26; }
/* Whether it is one of LETTERS: digits and capitals. */
static inline int is_known(uint8_t c) { return is_figure(c) || (is_letter(c) && c < 'a'); }

/* -- the rules, each told of the characters of a value */

static int sum_told(const Rule *r, const uint8_t *data) {
    int64_t total = 0;
    for (int n = 0; n < r->size; n++) {
        uint8_t value = (n & 1 ? r->second : r->first)[data[r->start + n]];
        if (value == NONE) return UNCLEAR;
        total += r->weights[n] * value;
    }
    int rest = (int)(total % r->modulus);
    if (!r->expected) return rest == r->leaves ? YES : NO;
    if (!is_known(data[r->at])) return UNCLEAR;
    return r->expected[rest] == '?' || r->expected[rest] == data[r->at] ? YES : NO;
}

static int chain_told(const Rule *r, const uint8_t *data) {
    int check = 5;
    for (int n = 0; n < r->size; n++) {
        uint8_t c = data[r->start + n];
        if (!is_figure(c)) return UNCLEAR;
        check = ((check ? check : 10) * 2 % 11 + c - '0') % 10;
    }
    return check == 1 ? YES : NO;
}

static int repeated_told(const Rule *r, const uint8_t *data) {
    unsigned once = 0, twice = 0, thrice = 0;
    for (int n = 0; n < r->size; n++) {
        if (!is_figure(data[n])) return UNCLEAR;
        unsigned bit = 1u << (data[n] - '0');
        if (thrice & bit) return NO;
        thrice |= twice & bit;
        twice |= once & bit;
        once |= bit;
    }
    return twice && !(twice & (twice - 1)) ? YES : NO;
}

/* The number that two digits are, or -1. */
static int two(const uint8_t *data, int at) {
    if (!is_figure(data[at]) || !is_figure(data[at + 1])) return -1;
    return (data[at] - '0') * 10 + data[at + 1] - '0';
}

static int dated_told(const Rule *r, const uint8_t *data) {
    int day = two(data, r->day), month = r->flag ? data[r->month] : two(data, r->month);
    int year = r->year < 0 ? 0 : two(data, r->year);
    if (day < 0 || month < 0 || year < 0) return UNCLEAR;
    int least = r->first[day], place = r->second[month];
    if (place == NONE) return UNCLEAR;
    if (r->year >= 0 && place == 2 && least == 29 && !r->third[year]) return NO;
    return least >= 1 && least <= days_of[place] ? YES : NO;
}

static int among_told(const Rule *r, const uint8_t *data) {
    const uint8_t *at = data + r->start;
    for (int n = 0; n < r->width; n++)
        if (!is_known(at[n])) return UNCLEAR;
    for (int n = 0; n < r->many; n++)
        if (!memcmp(at, r->first + n * r->width, (size_t)r->width)) return r->flag ? NO : YES;
    return r->flag ? YES : NO;
}

static int verhoeff_told(const Rule *r, const uint8_t *data) {
    int total = 0;
    for (int n = 0; n < r->size; n++) {
        uint8_t c = data[r->size - 1 - n];
        if (!is_figure(c)) return UNCLEAR;
        int digit = permuted[n % 8 * 10 + c - '0'] - '0';
        total = dihedral[10 * total + digit] - '0';
    }
    return total ? NO : YES;
}

static int palindrome_told(const Rule *r, const uint8_t *data) {
    for (int n = 0; n < r->size / 2; n++)
        if (data[n] != data[r->size - 1 - n]) return YES;
    return NO;
}

static int rule_told(const Rule *r, const uint8_t *data) {
    switch (r->kind) {
    case SUM: return sum_told(r, data);
    case CHAIN: return chain_told(r, data);
    case REPEATED: return repeated_told(r, data);
    case DATED: return dated_told(r, data);
    case AMONG: return among_told(r, data);
    case VERHOEFF: return verhoeff_told(r, data);
    default: return palindrome_told(r, data);
    }
}

static int form_told(const Form *form, const uint8_t *data) {
    for (Py_ssize_t n = 0; n < form->many_known; n++) {
        const Known *known = &form->known[n];
        uint8_t c = data[known->place];
        if (!memchr(known->characters, c, (size_t)known->many)) return is_known(c) ? NO : UNCLEAR;
    }
    for (Py_ssize_t n = 0; n < form->many; n++) {
        int told = rule_told(&form->rules[n], data);
        if (told != YES) return told;
    }
    return YES;
}

/* What counts of a value, in capitals; how much it is, or -1 where it is too much. */
static int read_value(uint8_t *room, const uint8_t *at, Py_ssize_t size) {
    int many = 0, is_plain = 1;
    for (Py_ssize_t n = 0; n < size; n++)
        is_plain &= is_figure(at[n]) || is_letter(at[n]) || at[n] == ' ' || at[n] == '-';
    for (Py_ssize_t n = 0; n < size; n++) {
        uint8_t c = at[n];
        if (c == ' ' || c == '-' || (!is_plain && (c == '.' || c == '/' || c == '+'))) continue;
        if (many == LENGTH_MAX) return -1;
        room[many++] = is_letter(c) ? c & 0xDF : c;
    }
    return many;
}

static PyObject *may_be(Number *self, PyObject *value) {
    if (!PyUnicode_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "a number is a text");
        return NULL;
    }
    if (!PyUnicode_IS_ASCII(value)) Py_RETURN_TRUE;
    uint8_t room[LENGTH_MAX];
    int size = read_value(room, PyUnicode_1BYTE_DATA(value), PyUnicode_GET_LENGTH(value));
    if (size < 0 || !self->of[size].many) Py_RETURN_TRUE;
    const Forms *forms = &self->of[size];
    for (Py_ssize_t n = 0; n < forms->many; n++)
        if (form_told(&forms->forms[n], room) != NO) Py_RETURN_TRUE;
    Py_RETURN_FALSE;
}

/* -- what it is made of */

static int wrong(void) {
    PyErr_SetString(PyExc_ValueError, "a rule reads beyond the number, or a table is too short");
    return -1;
}

/* The bytes of an argument, at least so many. */
static const uint8_t *table(PyObject *bytes, Py_ssize_t least) {
    return PyBytes_GET_SIZE(bytes) < least ? NULL : (const uint8_t *)PyBytes_AS_STRING(bytes);
}

static int read_sum(Rule *r, PyObject *rest, int length) {
    PyObject *weights, *expected, *even, *odd;
    if (!PyArg_ParseTuple(rest, "SiiSiiSS", &weights, &r->modulus, &r->leaves, &expected, &r->start,
                          &r->at, &even, &odd))
        return -1;
    r->size = (int)PyBytes_GET_SIZE(weights);
    r->weights = table(weights, 0);
    r->first = table(even, CHARACTERS), r->second = table(odd, CHARACTERS);
    if (PyBytes_GET_SIZE(expected)) {
        r->expected = table(expected, r->modulus);
        if (!r->expected || r->at < 0 || r->at >= length) return wrong();
    }
    int is_right = r->first && r->second && r->modulus > 0 && r->start >= 0 && r->start + r->size <= length;
    return is_right ? 0 : wrong();
}

static int read_dated(Rule *r, PyObject *rest, int length) {
    PyObject *days, *months, *leap;
    if (!PyArg_ParseTuple(rest, "iiiSSSp", &r->day, &r->month, &r->year, &days, &months, &leap, &r->flag))
        return -1;
    r->first = table(days, PAIRS);
    r->second = table(months, r->flag ? CHARACTERS : PAIRS);
    r->third = table(leap, r->year < 0 ? 0 : PAIRS);
    if (!r->first || !r->second || !r->third) return wrong();
    for (Py_ssize_t n = 0; n < PyBytes_GET_SIZE(months); n++)
        if (r->second[n] > 12 && r->second[n] != NONE) return wrong();
    int last = length - 2;
    int is_right = r->day >= 0 && r->day <= last && r->month >= 0 && r->month <= last && r->year <= last;
    return is_right ? 0 : wrong();
}

static int read_among(Rule *r, PyObject *rest, int length) {
    PyObject *texts;
    if (!PyArg_ParseTuple(rest, "iiSp", &r->start, &r->width, &texts, &r->flag)) return -1;
    r->first = table(texts, 0);
    if (r->width < 1 || r->start < 0 || r->start + r->width > length) return wrong();
    r->many = (int)(PyBytes_GET_SIZE(texts) / r->width);
    return 0;
}

static int read_rule(Rule *r, PyObject *told, int length) {
    if (!PyTuple_Check(told) || PyTuple_GET_SIZE(told) < 2) return wrong();
    r->kind = PyLong_AsLong(PyTuple_GET_ITEM(told, 0));
    PyObject *rest = PyTuple_GetSlice(told, 1, PyTuple_GET_SIZE(told));
    if (!rest) return -1;
    int failed;
    switch (r->kind) {
    case SUM: failed = read_sum(r, rest, length); break;
    case DATED: failed = read_dated(r, rest, length); break;
    case AMONG: failed = read_among(r, rest, length); break;
    default:
        failed = PyArg_ParseTuple(rest, "ii", &r->size, &r->start) ? 0 : -1;
        if (!failed && (r->size < 0 || r->start < 0 || r->start + r->size > length)) failed = wrong();
    }
    Py_DECREF(rest);
    return failed;
}

static int read_form(Form *form, PyObject *told, int length) {
    PyObject *known, *rules;
    if (!PyArg_ParseTuple(told, "O!O!", &PyTuple_Type, &known, &PyTuple_Type, &rules)) return -1;
    form->known = PyMem_RawCalloc((size_t)PyTuple_GET_SIZE(known) + 1, sizeof *form->known);
    form->rules = PyMem_RawCalloc((size_t)PyTuple_GET_SIZE(rules) + 1, sizeof *form->rules);
    if (!form->known || !form->rules) return PyErr_NoMemory(), -1;
    for (; form->many_known < PyTuple_GET_SIZE(known); form->many_known++) {
        Known *each = &form->known[form->many_known];
        PyObject *characters;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(known, form->many_known), "iS", &each->place, &characters))
            return -1;
        if (each->place < 0 || each->place >= length) return wrong();
        each->characters = table(characters, 0);
        each->many = PyBytes_GET_SIZE(characters);
    }
    for (; form->many < PyTuple_GET_SIZE(rules); form->many++)
        if (read_rule(&form->rules[form->many], PyTuple_GET_ITEM(rules, form->many), length) < 0) return -1;
    return 0;
}

static int number_init(Number *self, PyObject *args, PyObject *Py_UNUSED(names)) {
    PyObject *parts;
    if (!PyArg_ParseTuple(args, "O!", &PyTuple_Type, &parts)) return -1;
    if (self->parts) {
        PyErr_SetString(PyExc_ValueError, "a number is made once");
        return -1;
    }
    self->parts = Py_NewRef(parts);
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(parts); n++) {
        int length;
        PyObject *told;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(parts, n), "iO!", &length, &PyTuple_Type, &told)) return -1;
        if (length < 1 || length > LENGTH_MAX || self->of[length].forms) return wrong();
        Forms *forms = &self->of[length];
        forms->forms = PyMem_RawCalloc((size_t)PyTuple_GET_SIZE(told) + 1, sizeof *forms->forms);
        if (!forms->forms) return PyErr_NoMemory(), -1;
        for (; forms->many < PyTuple_GET_SIZE(told); forms->many++)
            if (read_form(&forms->forms[forms->many], PyTuple_GET_ITEM(told, forms->many), length) < 0) {
                forms->many++;
                return -1;
            }
    }
    return 0;
}

static void number_dealloc(Number *self) {
    PyTypeObject *type = Py_TYPE(self);
    for (int length = 0; length <= LENGTH_MAX; length++) {
        for (Py_ssize_t n = 0; n < self->of[length].many; n++) {
            PyMem_RawFree(self->of[length].forms[n].rules);
            PyMem_RawFree(self->of[length].forms[n].known);
        }
        PyMem_RawFree(self->of[length].forms);
    }
    Py_XDECREF(self->parts);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef number_methods[] = {
    {"may_be", (PyCFunction)may_be, METH_O, "may_be(value): Number.told_plainly of check_digits.py."},
    {NULL, NULL, 0, NULL},
};

/* -- accounts */

/* is_iban, but for countries and lengths: None where something else than letters and digits is in it. */
static PyObject *iban(PyObject *Py_UNUSED(module), PyObject *value) {
    if (!PyUnicode_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "a number is a text");
        return NULL;
    }
    uint8_t room[2 * LENGTH_MAX];
    int many = 0;
    Py_ssize_t size = PyUnicode_GET_LENGTH(value);
    if (!PyUnicode_IS_ASCII(value)) Py_RETURN_NONE;
    for (Py_ssize_t n = 0; n < size; n++) {
        uint8_t c = PyUnicode_1BYTE_DATA(value)[n];
        if (c == ' ' || c == '-') continue;
        if (many == sizeof room || (!is_figure(c) && !is_letter(c))) Py_RETURN_NONE;
        room[many++] = (uint8_t)(is_figure(c) ? c - '0' : (c | 32) - 'a' + 10);
    }
    if (many < 4) Py_RETURN_NONE;
    unsigned rest = 0;
    for (int n = 0; n < many; n++) {
        unsigned digit = room[(n + 4) % many];
        rest = (rest * (digit > 9 ? 100 : 10) + digit) % 97;
    }
    return PyBool_FromLong(rest == 1);
}

/* Without a branch: compilers count many bytes at once. */
static PyObject *digits(PyObject *Py_UNUSED(module), PyObject *data) {
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "digits are counted in bytes");
        return NULL;
    }
    const uint8_t *at = (const uint8_t *)PyBytes_AS_STRING(data);
    Py_ssize_t size = PyBytes_GET_SIZE(data), count = 0;
    while (size > 0) {
        uint8_t some = 0; /* of at most 255 */
        int part = size < 255 ? (int)size : 255;
        for (int n = 0; n < part; n++) some += (uint8_t)(at[n] - '0') <= 9;
        count += some, at += part, size -= part;
    }
    return PyLong_FromSsize_t(count);
}

static PyMethodDef methods[] = {
    {"digits", digits, METH_O, "digits(data): digits_in of scans.py."},
    {"iban", iban, METH_O, "iban(value): whether the number of library/payment.py is right."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot number_slots[] = {
    {Py_tp_init, number_init},
    {Py_tp_dealloc, number_dealloc},
    {Py_tp_methods, number_methods},
    {Py_tp_doc, "Number(forms): for each length its forms, each what is known of places, and rules."},
    {0, NULL},
};

static PyType_Spec number_spec = {
    .name = "gateway.scan._numbers.Number",
    .basicsize = sizeof(Number),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = number_slots,
};

static int module_exec(PyObject *module) {
    PyObject *type = PyType_FromSpec(&number_spec);
    if (!type) return -1;
    int added = PyModule_AddObjectRef(module, "Number", type);
    Py_DECREF(type);
    return added;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._numbers",
    .m_doc = "Numbers with check digits in C.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__numbers(void) { return PyModuleDef_Init(&module_def); }
