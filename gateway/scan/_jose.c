/* Whether the first part of what looks like a token can be the header of one (RFC 7515), in C.
 *
 * It tells what is none: no base 64, no object in JSON, or one without a name that headers have.
 * What may be one is left to `names_algorithm` in library/checks.py, and so is what only orjson
 * tells: UTF-8, numbers too large, surrogates in escapes.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { MOST = 1024 }; /* bytes of JSON */
enum { NO_DIGIT = 64 };

static uint8_t values[256]; /* of the digits of base 64 */

typedef struct {
    const uint8_t *at, *end;
} Reader;

static inline int is_figure(unsigned c) { return c - '0' < 10; }

/* How many bytes it stands for; -1 if a character is none that urlsafe_b64decode knows. */
static Py_ssize_t decode(const uint8_t *text, Py_ssize_t size, uint8_t *out) {
    uint32_t bits = 0;
    uint8_t *to = out;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (values[text[i]] == NO_DIGIT) return -1;
        bits = bits << 6 | values[text[i]];
        if (i % 4) *to++ = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return to - out;
}

static inline void skip_blanks(Reader *r) {
    while (r->at < r->end && *r->at && strchr(" \n\r\t", *r->at)) r->at++;
}

/* Behind the quote that begins it; 0 if it is no string. */
static int read_string(Reader *r) {
    while (r->at < r->end) {
        uint8_t c = *r->at++;
        if (c == '"') return 1;
        if (c < ' ') return 0;
        if (c != '\\') continue;
        if (r->at == r->end) return 0;
        c = *r->at++;
        if (c == 'u') {
            for (int i = 0; i < 4; i++, r->at++)
                if (r->at == r->end || !Py_ISXDIGIT(*r->at)) return 0;
        } else if (!c || !strchr("\"\\/bfnrt", c)) {
            return 0;
        }
    }
    return 0;
}

static int read_figures(Reader *r) {
    const uint8_t *begin = r->at;
    while (r->at < r->end && is_figure(*r->at)) r->at++;
    return r->at > begin;
}

static int read_number(Reader *r) {
    r->at += *r->at == '-';
    if (r->at < r->end && *r->at == '0') r->at++;
    else if (!read_figures(r)) return 0;
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        if (!read_figures(r)) return 0;
    }
    if (r->at < r->end && (*r->at | 32) == 'e') {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
        if (!read_figures(r)) return 0;
    }
    return 1;
}

/* A value without parts. */
static int read_plain(Reader *r) {
    static const char *const names[] = {"true", "false", "null"};
    if (*r->at == '"') {
        r->at++;
        return read_string(r);
    }
    for (int i = 0; i < 3; i++) {
        size_t size = strlen(names[i]);
        if ((size_t)(r->end - r->at) >= size && !memcmp(r->at, names[i], size)) {
            r->at += size;
            return 1;
        }
    }
    return read_number(r);
}

/* Whether it is a name that headers have, or one that an escape may make one. */
static int is_known(const uint8_t *name, Py_ssize_t size) {
    if (memchr(name, '\\', (size_t)size)) return 1;
    if (size != 3) return 0;
    return !memcmp(name, "alg", 3) || !memcmp(name, "typ", 3) || !memcmp(name, "enc", 3);
}

/* A name and its colon; sets `known` where it is one that headers have. */
static int read_name(Reader *r, int *known) {
    skip_blanks(r);
    if (r->at == r->end || *r->at != '"') return 0;
    const uint8_t *begin = ++r->at;
    if (!read_string(r)) return 0;
    *known |= is_known(begin, r->at - 1 - begin);
    skip_blanks(r);
    return r->at < r->end && *r->at++ == ':';
}

/* Closes what a value ends, and goes to the next one. The depth there; -1 if neither is right. */
static int next_value(Reader *r, const uint8_t *kinds, int depth, int *known) {
    for (;;) {
        skip_blanks(r);
        if (!depth) return r->at == r->end ? 0 : -1;
        if (r->at == r->end) return -1;
        uint8_t c = *r->at++;
        int is_object = kinds[depth - 1] == '{', inner = 0;
        if (c == ',') return !is_object || read_name(r, depth == 1 ? known : &inner) ? depth : -1;
        if (c != (is_object ? '}' : ']')) return -1;
        depth--;
    }
}

/* Whether it may be an object with a name that headers have. */
static int may_be_header(const uint8_t *json, Py_ssize_t size) {
    Reader r = {json, json + size};
    uint8_t kinds[MOST];
    int depth = 0, known = 0, inner = 0;
    skip_blanks(&r);
    if (r.at == r.end || *r.at != '{') return 0;
    do {
        skip_blanks(&r);
        if (r.at == r.end) return 0;
        uint8_t c = *r.at;
        if (c != '{' && c != '[') {
            if (!read_plain(&r)) return 0;
        } else {
            kinds[depth++] = c;
            r.at++;
            skip_blanks(&r);
            if (r.at == r.end) return 0;
            if (*r.at != (c == '{' ? '}' : ']')) {
                if (c == '{' && !read_name(&r, depth == 1 ? &known : &inner)) return 0;
                continue;
            }
        }
        depth = next_value(&r, kinds, depth, &known);
    } while (depth > 0);
    return !depth && known;
}

static PyObject *may_name_algorithm(PyObject *Py_UNUSED(module), PyObject *part) {
    if (!PyUnicode_Check(part)) {
        PyErr_SetString(PyExc_TypeError, "a part is a text");
        return NULL;
    }
    uint8_t json[MOST];
    Py_ssize_t size = PyUnicode_GET_LENGTH(part);
    if (!PyUnicode_IS_ASCII(part) || size > MOST) Py_RETURN_TRUE;
    size = decode(PyUnicode_1BYTE_DATA(part), size, json);
    if (size < 0) Py_RETURN_TRUE;
    return PyBool_FromLong(PyUnicode_GET_LENGTH(part) % 4 != 1 && may_be_header(json, size));
}

static PyMethodDef methods[] = {
    {"may_name_algorithm", may_name_algorithm, METH_O,
     "may_name_algorithm(part): whether names_algorithm may say yes."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._jose",
    .m_doc = "What is no header of a token, in C.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__jose(void) {
    memset(values, NO_DIGIT, sizeof values);
    const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (uint8_t i = 0; digits[i]; i++) values[(uint8_t)digits[i]] = i;
    values['-'] = values['+'] = 62;
    values['_'] = values['/'] = 63;
    return PyModuleDef_Init(&module_def);
}
