/* What the values of secrets are made of: what library/checks.py, contexts.py and private_keys.py
 * say `plainly`, in C.
 *
 * A value is read once, and the kinds of its characters decide most. The expressions of contexts.py
 * are written out here, each beside its name. None is answered where only the plain form can tell:
 * a sum of logarithms on the bound, or what hardly any pattern lets through (too long, not ASCII).
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { MOST = 1024, RANDOM_LENGTH = 120, REPEATED = 12 };
enum { NO = 0, YES = 1, UNKNOWN = -1, FAILED = -2 };
/* What a character beyond ASCII is read as; the first two are letters where case does not count. */
enum { LONG_S = 0x80, KELVIN, BEYOND };
enum {
    LETTER = 1,
    DIGIT = 2,
    SPECIAL = 4,    /* neither letter nor number, and not in "_-." */
    BETWEEN = 8,    /* neither letter nor one of _PARTS */
    NO_NAME = 16,   /* not in [A-Za-z_.] */
    NO_WORDS = 32,  /* not in [A-Za-z_.\- /] */
    BRACKET = 64,   /* one of {([ */
    WORD = 128,     /* \w in ASCII */
    PARTS = 256,    /* one of _PARTS */
    SMALL = 512,
    CAPITAL = 1024,
};

typedef struct {
    const uint8_t *at;
    Py_ssize_t size;
    unsigned has; /* the kinds of all its characters */
    unsigned is_ascii;
    PyObject *whole;
    uint8_t room[MOST];
} Value;

static const char *const words[] = {"example", "placeholder", "changeme", "change_me", "replace",
                                    "your_",   "your-",       "your ",    "redacted",  "dummy",
                                    "xxxx",    "***",         "...",      "aaaaaaaa",  "abcdefgh"};
enum { WORDS = sizeof words / sizeof *words, LONGEST = 11 };
static uint16_t kinds[128], first[256], second[256];
static double logarithms[MOST + 1], terms[MOST + 1]; /* log2(n), and n * log2(n) */

static inline int is_small(unsigned c) { return c - 'a' < 26; }
static inline int is_letter(unsigned c) { return is_small(c | 32); }
static inline int is_figure(unsigned c) { return c - '0' < 10; }
static inline int is_among(unsigned c, const char *those) {
    return c && c < 128 && strchr(those, (int)c);
}

/* The kinds that the methods of str tell, for a character of any script. */
static unsigned kinds_of(Py_UCS4 c) {
    unsigned found = NO_NAME | NO_WORDS | BETWEEN;
    if (Py_UNICODE_ISALPHA(c)) found ^= LETTER | BETWEEN;
    if (Py_UNICODE_ISDIGIT(c)) found |= DIGIT;
    if (!Py_UNICODE_ISALNUM(c)) found |= SPECIAL;
    return found;
}

/* Reads a value without the characters of `ends` behind it; UNKNOWN if it is too long. */
static int read_value(Value *value, PyObject *text, const char *ends) {
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    while (size && is_among(PyUnicode_READ(kind, data, size - 1), ends)) size--;
    if (size > MOST) return UNKNOWN;
    unsigned has = 0;
    value->size = size, value->whole = text, value->is_ascii = PyUnicode_IS_ASCII(text);
    value->at = value->is_ascii ? data : value->room;
    if (value->is_ascii) {
        for (Py_ssize_t i = 0; i < size; i++) has |= kinds[value->at[i]];
    } else {
        for (Py_ssize_t i = 0; i < size; i++) {
            Py_UCS4 c = PyUnicode_READ(kind, data, i);
            has |= c < 128 ? kinds[c] : kinds_of(c);
            unsigned read = c == 0x17F ? LONG_S : c == 0x212A ? KELVIN : BEYOND;
            value->room[i] = (uint8_t)(c < 128 ? c : read);
        }
    }
    value->has = has;
    return YES;
}

static Py_ssize_t count(const Value *value, unsigned kind) {
    Py_ssize_t found = 0;
    for (Py_ssize_t i = 0; i < value->size; i++) found += (kinds[value->at[i]] & kind) != 0;
    return found;
}

/* has_entropy, of ASCII. Sums in another order differ in the last bit: close to the bound one that
 * is the same in every order decides, of equal or of whole terms, or else the plain form. */
static int is_entropic(const Value *value, double bits) {
    Py_ssize_t size = value->size;
    if (!size) return bits <= 0;
    uint16_t counts[128] = {0};
    for (Py_ssize_t i = 0; i < size; i++) counts[value->at[i]]++;
    double several = 0;
    unsigned alike = 0;
    int are_equal = 1, are_whole = 1;
    for (Py_ssize_t i = 0; i < size; i++) {
        unsigned often = counts[value->at[i]];
        if (often < 2) continue;
        counts[value->at[i]] = 0;
        several += terms[often];
        are_equal &= !alike || often == alike;
        are_whole &= !(often & (often - 1));
        alike = often;
    }
    double entropy = logarithms[size] - several / (double)size;
    if (entropy > bits + 1e-9) return YES;
    if (entropy < bits - 1e-9) return NO;
    return are_equal || are_whole ? entropy >= bits : UNKNOWN;
}

/* _REPEATED in a text of small letters, whose lines no run crosses. */
static int has_run(int kind, const void *data, Py_ssize_t size) {
    /* Of so many places in a row each run holds one, whose neighbours are counted. */
    for (Py_ssize_t at = REPEATED - 1; at < size; at += REPEATED) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at);
        Py_ssize_t begin = at, end = at + 1;
        while (begin && PyUnicode_READ(kind, data, begin - 1) == c) begin--;
        while (end < size && PyUnicode_READ(kind, data, end) == c) end++;
        if (end - begin >= REPEATED && c != '\n') return YES;
    }
    return NO;
}

/* Beyond ASCII a text may be longer in small letters. */
static int has_run_in_small(const Value *value) {
    PyObject *text = PyUnicode_Substring(value->whole, 0, value->size);
    PyObject *small = text ? PyObject_CallMethod(text, "lower", NULL) : NULL;
    int found = FAILED;
    if (small) {
        int kind = PyUnicode_KIND(small);
        found = has_run(kind, PyUnicode_DATA(small), PyUnicode_GET_LENGTH(small));
    }
    Py_XDECREF(text);
    Py_XDECREF(small);
    return found;
}

/* is_placeholder: PLACEHOLDER, or a dozen of the same. */
static int is_placeholder(const Value *value) {
    Py_ssize_t size = value->size;
    if (size > RANDOM_LENGTH) return NO;
    uint8_t small[RANDOM_LENGTH + LONGEST + 1];
    for (Py_ssize_t i = 0; i < size; i++) {
        uint8_t c = value->at[i];
        small[i] = (uint8_t)(is_letter(c) ? c | 32 : c);
    }
    memset(small + size, 0, LONGEST + 1);
    for (Py_ssize_t i = 0; !value->is_ascii && i < size; i++)
        small[i] = small[i] == LONG_S ? 's' : small[i] == KELVIN ? 'k' : small[i];
    for (Py_ssize_t i = 0; i < size; i++) {
        for (unsigned may = first[small[i]] & second[small[i + 1]]; may; may &= may - 1) {
            const char *word = words[__builtin_ctz(may)];
            if (!memcmp(small + i, word, strlen(word))) return YES;
        }
    }
    Py_ssize_t begin = 0;
    while (begin < size && !is_letter(small[begin])) begin++;
    if (begin < size && !memcmp(small + begin, "sample", 6)) return YES;
    if (size < REPEATED) return NO;
    return value->is_ascii ? has_run(PyUnicode_1BYTE_KIND, small, size) : has_run_in_small(value);
}

static inline int begins(const Value *value, const char *with) {
    Py_ssize_t size = (Py_ssize_t)strlen(with);
    return value->size >= size && !memcmp(value->at, with, (size_t)size);
}

static int holds(const Value *value, const char *what) {
    Py_ssize_t size = (Py_ssize_t)strlen(what);
    for (Py_ssize_t i = 0; i + size <= value->size; i++)
        if (value->at[i] == (uint8_t)*what && !memcmp(value->at + i, what, (size_t)size)) return YES;
    return NO;
}

/* Where what is no character of a word comes first, from a place on. */
static Py_ssize_t word_end(const Value *value, Py_ssize_t at) {
    while (at < value->size && value->at[at] < 128 && kinds[value->at[at]] & WORD) at++;
    return at;
}

static int begins_as_object(const Value *value) {
    static const char *const objects[] = {"os.",  "self.",   "this.",    "process.",
                                          "env.", "config.", "settings."};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        if (begins(value, objects[i])) return YES;
    return NO;
}

/* _CODE, of a value that is not empty. */
static int is_code(const Value *value) {
    const uint8_t *at = value->at;
    Py_ssize_t size = value->size, end;
    uint8_t last = at[size - 1];
    if (value->has & BRACKET || last == ')' || is_among(*at, "</.@")) return YES;
    switch (*at) {
        case '$':
            for (end = 1; end < size && (is_letter(at[end]) || at[end] == '_');) end++;
            if (size > 1 && end == size) return YES;
            break;
        case '%':
            if (size > 2 && last == '%' && word_end(value, 1) == size - 1) return YES;
            break;
        case '&':
            end = word_end(value, 1);
            if (end > 1 && end < size && at[end] == ';') return YES;
            break;
    }
    if (size > 1 && last == 'n' && at[size - 2] == '\\') return YES;
    if (size > 2 && is_letter(*at) && at[1] == ':' && at[2] == '\\') return YES;
    if (begins_as_object(value) || holds(value, "::") || holds(value, "->")) return YES;
    return begins(value, "http://") || begins(value, "https://") || begins(value, "file://") ||
           begins(value, "s3://");
}

/* _CODE_IN_SECRET. */
static int is_code_in_secret(const Value *value) {
    if (!value->size) return NO;
    if (is_among(*value->at, "${<[") || begins(value, "./")) return YES;
    if (memchr(value->at, '(', (size_t)value->size)) return YES;
    if (*value->at == '/') {
        Py_ssize_t end = word_end(value, 1);
        if (end > 1 && end < value->size && value->at[end] == '/') return YES;
    }
    return begins_as_object(value) || holds(value, "://");
}

/* _WORDS, of the whole: its second part is within the third. */
static int is_words(const Value *value) {
    if (value->has & NO_WORDS || !value->size) return NO;
    if (!(value->has & NO_NAME)) return YES;
    Py_ssize_t end = 0;
    int has_small = 0;
    for (; end < value->size && is_letter(value->at[end]); end++) has_small |= value->at[end] >= 'a';
    if (!has_small || !is_letter(value->at[value->size - 1])) return NO;
    for (; end + 1 < value->size; end++)
        if (!is_letter(value->at[end]) && !is_letter(value->at[end + 1])) return NO;
    return YES;
}

/* _UUID, of the whole. */
static int is_uuid(const Value *value) {
    if (value->size != 36) return NO;
    for (int i = 0; i < 36; i++) {
        unsigned c = value->at[i];
        int is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? c != '-' : !is_figure(c) && (c | 32) - 'a' >= 6) return NO;
    }
    return YES;
}

/* _DATE: a day, or a time. */
static int begins_as_date(const Value *value) {
    const uint8_t *at = value->at;
    Py_ssize_t end = 0;
    while (end < value->size && end < 5 && is_figure(at[end])) end++;
    if (end == 4 && value->size >= 10)
        return at[4] == '-' && is_figure(at[5]) && is_figure(at[6]) && at[7] == '-' &&
               is_figure(at[8]) && is_figure(at[9]);
    if ((end != 1 && end != 2) || value->size < end + 3 || at[end] != ':') return NO;
    return is_figure(at[end + 1]) && is_figure(at[end + 2]) &&
           (value->size == end + 3 || !is_figure(at[end + 3]));
}

/* Whether more than half of it is parts that are words. */
static int is_wordy(const Value *value) {
    if (!(value->has & PARTS)) return NO;
    Py_ssize_t begin = 0, wordy = 0;
    int is_word = 1;
    for (Py_ssize_t at = 0; at <= value->size; at++) {
        if (at == value->size || kinds[value->at[at]] & PARTS) {
            wordy += is_word ? at - begin : 0;
            begin = at + 1, is_word = 1;
        } else {
            is_word &= is_letter(value->at[at]);
        }
    }
    return 2 * wordy > value->size;
}

/* _mixed. */
static int is_mixed(const Value *value) {
    Py_ssize_t changes = 0;
    for (Py_ssize_t i = 1; i < value->size; i++)
        changes += is_small(value->at[i]) != is_small(value->at[i - 1]);
    return changes * 3 >= value->size ? is_entropic(value, 3.2) : NO;
}

/* looks_assigned, but for what stands before it and for placeholders. */
static int is_assigned(const Value *value) {
    Py_ssize_t size = value->size;
    if (!size || is_code_in_secret(value) || begins_as_date(value)) return NO;
    if (size >= 10 && !memcmp(value->at + size - 10, "1234567890", 10)) return NO;
    if (is_words(value)) {
        if (size < 20 || memchr(value->at, '_', (size_t)size)) return NO;
        return memchr(value->at, '.', (size_t)size) ? NO : is_mixed(value);
    }
    Py_ssize_t digits = count(value, DIGIT);
    if (digits == size) return size >= 16 ? is_entropic(value, 2.2) : NO;
    if (is_wordy(value)) return NO;
    int mixed = digits < 2 ? is_mixed(value) : YES;
    if (mixed != YES) return mixed;
    return is_uuid(value) ? YES : is_entropic(value, size >= 16 ? 3.0 : 2.6);
}

/* _NAME_OF_IT at the end of ASCII: what only tells which secret is meant. */
static int is_name_of_id(const uint8_t *at, Py_ssize_t size) {
    static const char *const names[] = {"token", "secret", "secrets", "credential", "credentials"};
    Py_ssize_t end = size;
    while (end && !(kinds[at[end - 1]] & WORD)) end--;
    if (size - end > 12 && (size - end > 13 || !is_among(at[end], "\"'>"))) return NO;
    if (end && (at[end - 1] | 32) == 's') end--;
    if (end < 2 || (at[end - 1] | 32) != 'd' || (at[end - 2] | 32) != 'i') return NO;
    end -= 2;
    if (end && is_among(at[end - 1], "_-")) end--;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Py_ssize_t left = (Py_ssize_t)strlen(names[i]), to = end;
        while (left && to && (at[to - 1] | 32) == names[i][left - 1]) left--, to--;
        if (!left) return YES;
    }
    return NO;
}

static PyObject *told(int answer) {
    if (answer == FAILED) return NULL;
    if (answer == UNKNOWN) Py_RETURN_NONE;
    return PyBool_FromLong(answer);
}

/* The same answer, unless it is yes and the value is a placeholder. */
static int no_placeholder(int answer, const Value *value) {
    if (answer != YES) return answer;
    int found = is_placeholder(value);
    return found == FAILED ? FAILED : !found;
}

static int is_text(PyObject *text) {
    if (PyUnicode_Check(text)) return 1;
    PyErr_SetString(PyExc_TypeError, "a value is a text");
    return 0;
}

static PyObject *placeholder(PyObject *Py_UNUSED(module), PyObject *text) {
    Value value;
    if (!is_text(text)) return NULL;
    if (PyUnicode_GET_LENGTH(text) > RANDOM_LENGTH) Py_RETURN_FALSE;
    read_value(&value, text, "");
    return told(is_placeholder(&value));
}

static PyObject *entropic(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t many) {
    Value value;
    if (many != 2 || !PyFloat_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "a value and its bits");
        return NULL;
    }
    if (!is_text(args[0])) return NULL;
    if (!PyUnicode_IS_ASCII(args[0]) || read_value(&value, args[0], "") != YES) Py_RETURN_NONE;
    return told(is_entropic(&value, PyFloat_AS_DOUBLE(args[1])));
}

static PyObject *random_value(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t many) {
    Value value;
    if (many != 3 || !PyFloat_Check(args[1]) || !PyLong_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "a value, its bits, and how many digits are the least");
        return NULL;
    }
    if (!is_text(args[0])) return NULL;
    if (!PyUnicode_IS_ASCII(args[0]) || read_value(&value, args[0], "") != YES) Py_RETURN_NONE;
    long least = PyLong_AsLong(args[2]);
    if (least == -1 && PyErr_Occurred()) return NULL;
    if (least > 0 && count(&value, DIGIT) < least) Py_RETURN_FALSE;
    return told(no_placeholder(is_entropic(&value, PyFloat_AS_DOUBLE(args[1])), &value));
}

static PyObject *material(PyObject *Py_UNUSED(module), PyObject *text) {
    Value value;
    if (!is_text(text)) return NULL;
    if (!PyUnicode_IS_ASCII(text) || read_value(&value, text, "") != YES) Py_RETURN_NONE;
    if (count(&value, CAPITAL) < 10 || count(&value, SMALL) < 10) Py_RETURN_FALSE;
    if (count(&value, DIGIT) < 3) Py_RETURN_FALSE;
    return told(is_entropic(&value, 4.4));
}

static PyObject *header(PyObject *Py_UNUSED(module), PyObject *text) {
    Value value;
    if (!is_text(text)) return NULL;
    if (read_value(&value, text, "") != YES) Py_RETURN_NONE;
    int is_one = value.has & DIGIT || memchr(value.at, '=', (size_t)value.size);
    return told(no_placeholder(is_one, &value));
}

static PyObject *assigned(PyObject *Py_UNUSED(module), PyObject *text) {
    Value value;
    if (!is_text(text)) return NULL;
    if (!PyUnicode_IS_ASCII(text) || read_value(&value, text, "=.,;") != YES) Py_RETURN_NONE;
    return told(no_placeholder(is_assigned(&value), &value));
}

static PyObject *strictly_assigned(PyObject *Py_UNUSED(module), PyObject *text) {
    Value value;
    if (!is_text(text)) return NULL;
    if (!PyUnicode_IS_ASCII(text) || read_value(&value, text, "=.,;") != YES) Py_RETURN_NONE;
    int answer = is_assigned(&value);
    if (answer == YES && !is_uuid(&value)) {
        size_t size = (size_t)value.size;
        if (memchr(value.at, '/', size) || memchr(value.at, '.', size)) Py_RETURN_FALSE;
        answer = is_entropic(&value, 3.0);
    }
    return told(no_placeholder(answer, &value));
}

static PyObject *names_id(PyObject *Py_UNUSED(module), PyObject *text) {
    if (!is_text(text)) return NULL;
    if (!PyUnicode_IS_ASCII(text)) Py_RETURN_NONE;
    return told(is_name_of_id(PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text)));
}

/* Whether it has four different characters. */
static int has_four(const Value *value) {
    int kind = PyUnicode_KIND(value->whole), many = 0;
    const void *data = PyUnicode_DATA(value->whole);
    Py_UCS4 seen[3];
    for (Py_ssize_t i = 0; i < value->size; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        int at = 0;
        while (at < many && seen[at] != c) at++;
        if (at < many) continue;
        if (many == 3) return YES;
        seen[many++] = c;
    }
    return NO;
}

static PyObject *password(PyObject *Py_UNUSED(module), PyObject *text) {
    Value value;
    if (!is_text(text)) return NULL;
    if (read_value(&value, text, ".,;:") != YES) Py_RETURN_NONE;
    unsigned has = value.has;
    if (value.size < 6 || !(has & LETTER) || !(has & (DIGIT | SPECIAL))) Py_RETURN_FALSE;
    if (!(has & BETWEEN)) Py_RETURN_FALSE; /* parts of letters */
    if (!has_four(&value) || is_words(&value) || is_uuid(&value)) Py_RETURN_FALSE;
    int is_any_code = !(has & DIGIT) || !(has & SPECIAL) || is_among(*value.at, "<{[/.");
    if (is_any_code && is_code(&value)) Py_RETURN_FALSE;
    return told(no_placeholder(YES, &value));
}

/* What each character of ASCII is. */
static void fill_kinds(void) {
    for (unsigned c = 0; c < 128; c++) {
        int is_name = is_letter(c) || c == '_' || c == '.', is_part = is_among(c, "._=:/-");
        unsigned found = 0;
        if (is_letter(c)) found |= c >= 'a' ? LETTER | SMALL : LETTER | CAPITAL;
        if (is_figure(c)) found |= DIGIT;
        if (!is_letter(c) && !is_figure(c) && !is_among(c, "_-.")) found |= SPECIAL;
        if (!is_letter(c) && !is_part) found |= BETWEEN;
        if (!is_name) found |= NO_NAME;
        if (!is_name && !is_among(c, "- /")) found |= NO_WORDS;
        if (is_among(c, "{([")) found |= BRACKET;
        if (is_letter(c) || is_figure(c) || c == '_') found |= WORD;
        if (is_part) found |= PARTS;
        kinds[c] = (uint16_t)found;
    }
    for (unsigned i = 0; i < WORDS; i++) {
        first[(uint8_t)words[i][0]] |= (uint16_t)(1u << i);
        second[(uint8_t)words[i][1]] |= (uint16_t)(1u << i);
    }
}

/* By `math.log2` itself, so that each is the same to the last bit. */
static int fill_terms(void) {
    PyObject *math = PyImport_ImportModule("math");
    if (!math) return -1;
    int failed = 0;
    for (int i = 1; i <= MOST && !failed; i++) {
        PyObject *found = PyObject_CallMethod(math, "log2", "i", i);
        failed = !found || !PyFloat_Check(found);
        logarithms[i] = failed ? 0 : PyFloat_AS_DOUBLE(found);
        terms[i] = i * logarithms[i];
        Py_XDECREF(found);
    }
    Py_DECREF(math);
    return failed ? -1 : 0;
}

static PyMethodDef methods[] = {
    {"placeholder", placeholder, METH_O, "placeholder(value): is_placeholder_plainly."},
    {"entropic", (PyCFunction)(void (*)(void))entropic, METH_FASTCALL,
     "entropic(value, bits): has_entropy_plainly."},
    {"random", (PyCFunction)(void (*)(void))random_value, METH_FASTCALL,
     "random(value, bits, digits): is_random_plainly."},
    {"material", material, METH_O, "material(value): is_material_plainly."},
    {"header", header, METH_O, "header(value): is_header_plainly."},
    {"assigned", assigned, METH_O, "assigned(value): looks_assigned_plainly."},
    {"strictly_assigned", strictly_assigned, METH_O, "strictly_assigned(value): is_strict_plainly."},
    {"names_id", names_id, METH_O, "names_id(before): names_id_plainly."},
    {"password", password, METH_O, "password(value): looks_like_password_plainly."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._values",
    .m_doc = "What the library of patterns says of a value, in C.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__values(void) {
    fill_kinds();
    if (fill_terms() < 0) return NULL;
    return PyModuleDef_Init(&module_def);
}
