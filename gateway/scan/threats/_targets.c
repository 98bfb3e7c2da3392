/* Where an address begins that names an inner target: what the expression of target.py matches and
 * `is_inner_host` says of its host, in one pass over the bytes of a text.
 *
 * What cannot be told for sure here counts as one, and is left to target.py: networks that versions of
 * Python do not agree on.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <arpa/inet.h>
#include <stdint.h>

typedef const uint8_t *Bytes;
typedef Py_ssize_t Size;

enum { ADDRESS_MAX = 200, PARTS_MAX = 4, PART_MAX = 20, ECHOED_MAX = 3 };

static uint8_t in_address[256];

static inline uint8_t small(uint8_t c) { return c >= 'A' && c <= 'Z' ? c | 32 : c; }
static inline int is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static inline int is_letter(uint8_t c) { return small(c) >= 'a' && small(c) <= 'z'; }
static inline int hex_digit(uint8_t c) {
    return is_digit(c) ? c - '0' : small(c) >= 'a' && small(c) <= 'f' ? small(c) - 'a' + 10 : -1;
}

/* -- hosts, as in target.py: in small letters, and ASCII */

typedef struct {
    uint8_t text[ADDRESS_MAX + 16];
    Size size;
} Host;

static const char *const ENDINGS[] = {
    ".localhost", ".local", ".localdomain", ".internal", ".intranet", ".lan", ".corp", ".home.arpa",
    ".svc", ".cluster.local", ".consul", "localtest.me", "lvh.me", "vcap.me", "lacolhost.com",
    "yoogle.com", NULL,
};
static const char *const ECHOING[] = {".nip.io", ".sslip.io", ".xip.io", NULL};

static int is_ending(Bytes text, Size size, const char *ending) {
    Size length = (Size)strlen(ending);
    return size >= length && !memcmp(text + size - length, ending, length);
}

/* `_number`, up to 32 bits and one more; -1 where it is no number. */
static int64_t number(Bytes text, Size size) {
    int base = 10, eights = 0;
    Size at = 0;
    if (size > 1 && text[0] == '0' && text[1] == 'x') {
        base = 16, at = 2;
        for (Size i = at; i < size; i++)
            if (hex_digit(text[i]) < 0) return -1;
    } else {
        if (!size) return -1;
        for (Size i = 0; i < size; i++) {
            if (!is_digit(text[i])) return -1;
            eights |= i < PART_MAX && text[i] > '7';
        }
        if (size > 1 && text[0] == '0' && !eights) base = 8;
    }
    if (size > PART_MAX) size = PART_MAX;
    int64_t value = 0;
    for (; at < size; at++) {
        value = value * base + hex_digit(text[at]);
        if (value > UINT32_MAX) value = (int64_t)UINT32_MAX + 1;
    }
    return value;
}

/* `address_of` of what has no colon; -1 for a name. */
static int64_t ipv4_of(Bytes text, Size size) {
    int64_t value = 0;
    int parts = 0;
    for (Size at = 0, start = 0; at <= size; at++) {
        if (at < size && text[at] != '.') continue;
        int64_t part = number(text + start, at - start);
        if (part < 0 || ++parts > PARTS_MAX) return -1;
        start = at + 1;
        if (at == size)
            return part >> (8 * (PARTS_MAX + 1 - parts)) ? -1 : value | part;
        if (part > 255) return -1;
        value |= part << (8 * (PARTS_MAX - parts));
    }
    return -1;
}

static int is_inner_ipv4(uint32_t address) {
    static const struct { uint32_t network; int bits; } inner[] = {
        {0x00000000, 8}, {0x0A000000, 8}, {0x64400000, 10}, {0x7F000000, 8}, {0xA9FE0000, 16},
        {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24}, {0xC0A80000, 16}, {0xC6120000, 15},
        {0xC6336400, 24}, {0xCB007100, 24}, {0xE0000000, 3},
    };
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        if (!((address ^ inner[i].network) >> (32 - inner[i].bits))) return 1;
    return 0;
}

static int is_inner_ipv6(const uint8_t a[16]) {
    static const uint8_t zeros[16] = {0};
    unsigned group[4];
    for (int i = 0; i < 4; i++) group[i] = a[2 * i] << 8 | a[2 * i + 1];
    uint32_t last = (uint32_t)a[12] << 24 | a[13] << 16 | a[14] << 8 | a[15];
    if (group[0] == 0x64 && group[1] == 0xFF9B && !memcmp(a + 4, zeros, 8)) return is_inner_ipv4(last);
    if (group[0] == 0x2002) return is_inner_ipv4((uint32_t)group[1] << 16 | group[2]);
    if (!group[0]) {
        if (!memcmp(a, zeros, 10) && a[10] == 0xFF && a[11] == 0xFF) return is_inner_ipv4(last);
        return !memcmp(a, zeros, 15) && a[15] < 2;
    }
    switch (group[0]) {
    case 0x64: return group[1] == 0xFF9B;
    case 0x100: case 0x3FFF: case 0x5F00: return 1;
    case 0x2001: return group[1] < 0x200 || group[1] == 0xDB8;
    default: return group[0] >= 0xFC00 && (group[0] & 0xFFC0) != 0xFEC0;
    }
}

/* What a name says that ends like one of ECHOING, without that. */
static int is_inner_echo(Bytes text, Size size) {
    uint8_t joined[4 * PARTS_MAX];
    Size at = size, room = sizeof joined;
    for (int part = 0; part < PARTS_MAX; part++) {
        if (part) {
            if (!at || (text[at - 1] != '.' && text[at - 1] != '-')) return 1;
            at--;
            joined[--room] = '.';
        }
        int digits = 0;
        while (at && is_digit(text[at - 1]) && digits <= ECHOED_MAX) {
            if (++digits > ECHOED_MAX) return 1;
            joined[--room] = text[--at];
        }
        if (!digits) return 1;
    }
    if (at && text[at - 1] != '.' && text[at - 1] != '-') return 1;
    int64_t address = ipv4_of(joined + room, (Size)sizeof joined - room);
    return address < 0 || is_inner_ipv4((uint32_t)address);
}

static int is_inner_host(const Host *host) {
    Bytes text = host->text;
    Size size = host->size;
    int colon = memchr(text, ':', size) != NULL;
    if (colon) {
        uint8_t address[16];
        if (!memchr(text, 0, size) && inet_pton(AF_INET6, (const char *)text, address) == 1)
            return is_inner_ipv6(address);
    } else {
        int64_t address = ipv4_of(text, size);
        if (address >= 0) return is_inner_ipv4((uint32_t)address);
    }
    if (size == 9 && !memcmp(text, "localhost", 9)) return 1;
    for (int i = 0; ENDINGS[i]; i++)
        if (is_ending(text, size, ENDINGS[i])) return 1;
    for (int i = 0; ECHOING[i]; i++)
        if (is_ending(text, size, ECHOING[i]))
            return is_inner_echo(text, size - (Size)strlen(ECHOING[i]));
    if (!size || colon) return 0;
    for (Size at = 0; at < size; at++)
        if (!is_letter(text[at]) && !is_digit(text[at]) && text[at] != '-') return 0;
    return 1;
}

/* -- addresses */

/* What stands for a character beyond ASCII of which no client makes one of ASCII; and for the full
 * stop of Chinese, which is one behind which others stand. */
enum { OPAQUE = 0xFF, FULL_STOP = 0xFE };

/* The byte that is written at a place as its number in hexadecimal digits, or -1. */
static int escaped(Bytes rest, Size at, Size stop) {
    if (stop - at < 3 || rest[at] != '%') return -1;
    int high = hex_digit(rest[at + 1]), low = hex_digit(rest[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Adds the character beyond ASCII whose first byte is escaped at a place, in small letters: the sign
 * of Kelvin is a k, and a capital I with a dot an i and that dot. The place of its last byte. */
static Size add_beyond(Host *host, Bytes rest, Size at, Size stop) {
    int first = escaped(rest, at, stop), second = escaped(rest, at + 3, stop);
    int third = second < 0 ? -1 : escaped(rest, at + 6, stop);
    if (first == 0xE2 && second == 0x84 && third == 0xAA) {
        host->text[host->size++] = 'k';
        return at + 6;
    }
    if (first == 0xE3 && second == 0x80 && third == 0x82) {
        host->text[host->size++] = FULL_STOP;
        return at + 6;
    }
    if (first == 0xC4 && second == 0xB0) {
        host->text[host->size++] = 'i';
        at += 3;
    }
    host->text[host->size++] = OPAQUE;
    return at;
}

/* Whether what stands behind the `//` of an address names an inner host (`host_of`). */
static int is_inner(Bytes rest, Size size) {
    Size start = 0, stop = 0;
    for (; stop < size; stop++) {
        uint8_t c = rest[stop];
        if (c == '/' || c == '\\' || c == '?' || c == '#') break;
        if (c == '@') start = stop + 1;
    }
    Host host = {.size = 0};
    for (Size at = start; at < stop; at++) {
        uint8_t c = rest[at];
        int byte = escaped(rest, at, stop);
        if (byte > 127) {
            at = add_beyond(&host, rest, at, stop) + 2;
            continue;
        }
        if (byte >= 0) c = (uint8_t)byte, at += 2;
        host.text[host.size++] = small(c);
    }
    host.text[host.size] = 0;
    uint8_t *end;
    if (host.text[0] == '[') {
        host.size--;
        memmove(host.text, host.text + 1, host.size);
        if ((end = memchr(host.text, ']', host.size))) host.size = end - host.text;
        if ((end = memchr(host.text, '%', host.size))) host.size = end - host.text;
    } else {
        if ((end = memchr(host.text, ':', host.size))) host.size = end - host.text;
        while (host.size && host.text[host.size - 1] == '.') host.size--;
        for (Size at = 0; at < host.size; at++)
            if (host.text[at] == FULL_STOP) host.text[at] = '.';
    }
    host.text[host.size] = 0;
    return is_inner_host(&host);
}

/* The schemes, each with whether it is as telling as an inner host; longer ones first. */
static const struct { const char *name; int telling; } SCHEMES[] = {
    {"gopher", 1}, {"netdoc", 1}, {"https", 0}, {"http", 0}, {"ftps", 0}, {"sftp", 0}, {"dict", 1},
    {"file", 1}, {"ldap", 1}, {"tftp", 1}, {"ftp", 0}, {"wss", 0}, {"jar", 1}, {"ws", 0}, {NULL, 0},
};

static int is_scheme(Bytes data, Size colon, const char *name, Size length) {
    if (colon < length) return 0;
    for (Size i = 0; i < length; i++)
        if (small(data[colon - length + i]) != (uint8_t)name[i]) return 0;
    return 1;
}

static int tell(PyObject *places, Size place) {
    PyObject *told = PyLong_FromSsize_t(place);
    if (!told) return -1;
    int failed = PyList_Append(places, told);
    Py_DECREF(told);
    return failed;
}

static int tell_at(PyObject *places, Bytes data, Size colon) {
    int inner = -1;
    for (int i = 0; SCHEMES[i].name; i++) {
        Size length = (Size)strlen(SCHEMES[i].name);
        if (!is_scheme(data, colon, SCHEMES[i].name, length)) continue;
        if (!SCHEMES[i].telling && inner < 0) {
            Size rest = colon + 3, stop = rest;
            while (stop < rest + ADDRESS_MAX && in_address[data[stop]]) stop++;
            if (data[colon + 1] == '\\') {
                /* Behind backslashes `host_of` finds the scheme itself, unless there is another. */
                while (rest < stop && !(data[rest] == ':' && stop - rest > 2 && data[rest + 1] == '/' &&
                                        data[rest + 2] == '/'))
                    rest++;
                inner = rest == stop || is_inner(data + rest + 3, stop - rest - 3);
            } else {
                inner = is_inner(data + rest, stop - rest);
            }
        }
        if ((SCHEMES[i].telling || inner) && tell(places, colon - length)) return -1;
    }
    return 0;
}

static PyObject *targets(PyObject *Py_UNUSED(module), PyObject *text) {
    if (!PyBytes_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "bytes are searched");
        return NULL;
    }
    Bytes data = (Bytes)PyBytes_AS_STRING(text), found = data, end = data + PyBytes_GET_SIZE(text);
    PyObject *places = PyList_New(0), *told = NULL;
    if (!places) return NULL;
    while ((found = memchr(found, ':', end - found))) {
        Size colon = found++ - data;
        uint8_t c = data[colon + 1];
        if ((c == '/' || c == '\\') && data[colon + 2] == c && in_address[data[colon + 3]] &&
            tell_at(places, data, colon))
            goto done;
    }
    told = PyObject_GetIter(places);
done:
    Py_DECREF(places);
    return told;
}

static int module_exec(PyObject *Py_UNUSED(module)) {
    for (int c = 0; c < 128; c++) in_address[c] = is_letter((uint8_t)c) || is_digit((uint8_t)c);
    for (const char *c = "!#$%&*+,./:;=?@[]_{|}~-"; *c; c++) in_address[(uint8_t)*c] = 1;
    return 0;
}

static PyMethodDef methods[] = {
    {"targets", targets, METH_O, "targets(data): see gateway/scan/threats/target.py."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan.threats._targets",
    .m_doc = "The screen of inner targets in C.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__targets(void) { return PyModuleDef_Init(&module_def); }
