/* Where an address stands in Markdown or markup that carries data away: what the expressions of
 * exfiltration.py match and `carries_data` says of it, in one pass over the bytes of a text.
 *
 * A text is UTF-8; what an address may hold is ASCII. Behind each text of Python stands a zero byte.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

typedef const uint8_t *Bytes;
typedef Py_ssize_t Size;

enum {
    ADDRESS = 1, SPACE = 2, OPAQUE = 4, HEX = 8, CAPITAL = 16, LETTER = 32, DIGIT = 64, HOLE = 128,
    BETWEEN = 256
};
static uint16_t kinds[256];

/* As in exfiltration.py. */
enum {
    LABEL_MIN = 28, SEGMENT_MIN = 40, TELLING_MIN = 8, WORDS_MIN = 3, LINK_OPAQUE_MIN = 32,
    LINK_WORDS_MIN = 12, OPAQUE_MIN = 20, HASH_MAX = 64, HOLE_MAX = 60, DOMAIN_MAX = 64, DIGITS_MIN = 9
};
enum { ADDRESS_MIN = 3, ADDRESS_MAX = 400, SPACES_MAX = 4, BEFORE = 48 };

static inline int is(Py_UCS4 c, int kind) { return c < 128 && kinds[c] & kind; }

static inline Py_UCS4 small(Py_UCS4 c) { return c >= 'A' && c <= 'Z' ? c | 32 : c; }

/* Whether `word`, in small letters, stands at `text`; a zero byte ends both at the latest. */
static int begins(Bytes text, const char *word) {
    for (; *word; word++, text++)
        if (small(*text) != (Py_UCS4)*word) return 0;
    return 1;
}

/* -- what a value says */

/* A text once its percent signs are decoded; `kind` is that of PyUnicode_READ. */
typedef struct {
    const void *data;
    int kind;
    Size size;
    PyObject *owner;
    void *room;
} Text;

static int hex_digit(uint8_t c) {
    return kinds[c] & DIGIT ? c - '0' : kinds[c] & HEX ? (c | 32) - 'a' + 10 : -1;
}

/* As `unquote_plus`; below 0 where memory is short. `room` has so many bytes. */
static int decode(Bytes raw, Size size, uint8_t *room, Size room_size, Text *text) {
    *text = (Text){raw, PyUnicode_1BYTE_KIND, size, NULL, NULL};
    if (!memchr(raw, '%', size) && !memchr(raw, '+', size)) return 0;
    if (size > room_size) {
        room = text->room = PyMem_Malloc(size);
        if (!room) return PyErr_NoMemory(), -1;
    }
    Size out = 0;
    uint8_t any = 0;
    for (Size at = 0; at < size; at++) {
        int high, low;
        uint8_t c = raw[at];
        if (c == '+')
            c = ' ';
        else if (c == '%' && size - at > 2 && (high = hex_digit(raw[at + 1])) >= 0 &&
                 (low = hex_digit(raw[at + 2])) >= 0) {
            c = (uint8_t)(high << 4 | low);
            at += 2;
        }
        any |= c;
        room[out++] = c;
    }
    text->data = room;
    text->size = out;
    if (any < 128) return 0;
    text->owner = PyUnicode_DecodeUTF8((const char *)room, out, "replace");
    if (!text->owner) return -1;
    text->data = PyUnicode_DATA(text->owner);
    text->kind = PyUnicode_KIND(text->owner);
    text->size = PyUnicode_GET_LENGTH(text->owner);
    return 0;
}

static void release(Text *text) {
    Py_XDECREF(text->owner);
    PyMem_Free(text->room);
}

/* `_HOLE`: names in brackets, which somebody would fill in. */
static inline int has_hole(const void *data, const int kind, Size size) {
    Size brace = -1, angle = -1, square = -1, dollar = -1;
    for (Size at = 0; at < size; at++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at);
        if (square >= 0 && !is(c, CAPITAL) && c != ' ' && c != ']') square = -1;
        if (dollar >= 0) {
            if (!is(c, CAPITAL))
                dollar = -1;
            else if (at - dollar >= 3)
                return 1;
        }
        if (!is(c, HOLE)) continue;
        switch (c) {
        case '{': brace = at; break;
        case '<': angle = at; break;
        case '[': square = at; break;
        case '$': dollar = at; break;
        case '}':
            if (brace >= 0 && at - brace > 1 && at - brace <= HOLE_MAX + 1) return 1;
            brace = -1;
            break;
        case '>':
            if (angle >= 0 && at - angle > 1 && at - angle <= HOLE_MAX + 1) return 1;
            angle = -1;
            break;
        default:
            if (square >= 0 && at - square > 3 && at - square <= HOLE_MAX + 1) return 1;
            square = -1;
        }
    }
    return 0;
}

/* Whether it may have one; addresses overlap, so that a byte may be asked for many times. */
static int may_have_hole(Bytes text, Size size) {
    if (memchr(text, '$', size) || memchr(text, '}', size) || memchr(text, '>', size)) return 1;
    for (Bytes at = text, end = text + size; (at = memchr(at, '[', end - at));)
        if (++at < end && (kinds[*at] & CAPITAL || *at == ' ')) return 1;
    return 0;
}

/* `_reads_as_words`: three of its parts are words. */
static int reads_as_words(const void *data, int kind, Size start, Size stop) {
    int words = 0, is_word = 0, is_plain = 1;
    for (Size at = start; at <= stop; at++) {
        Py_UCS4 c = at < stop ? PyUnicode_READ(kind, data, at) : '-';
        if (c == '-' || c == '_') {
            words += is_word && is_plain;
            is_word = 0, is_plain = 1;
        } else {
            is_word = 1;
            is_plain &= is(c, LETTER) != 0;
        }
    }
    return words >= WORDS_MIN;
}

static int is_hash(const void *data, int kind, Size start, Size stop) {
    for (Size at = start; at < stop; at++)
        if (!is(PyUnicode_READ(kind, data, at), HEX)) return 0;
    return 1;
}

static inline int is_space(Py_UCS4 c) { return Py_UNICODE_ISSPACE(c); }

static inline int is_decimal(Py_UCS4 c) {
    return c < 128 ? kinds[c] & DIGIT : Py_UNICODE_ISDECIMAL(c);
}

static inline int is_word(Py_UCS4 c) {
    return c < 128 ? kinds[c] & (LETTER | DIGIT) || c == '_' : Py_UNICODE_ISALNUM(c);
}

/* Whether so many characters from `at` on may stand in a token. */
static int is_token(const void *data, int kind, Size at, Size size) {
    if (size - at < 8) return 0;
    for (Size stop = at + 8; at < stop; at++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at);
        if (!is(c, LETTER | DIGIT) && c != '-' && c != '_') return 0;
    }
    return 1;
}

/* What `_is_data` says of a value, whatever its name is. */
static inline int tells(const void *data, const int kind, Size size, int fetched) {
    Size sign = -1, digits = 0, run = 0, opaque = -1, opaque_stop = -1, words = 0;
    Py_UCS4 last = ' ';
    int spaced = 1;
    for (Size at = 0; at < size; at++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at);
        int space = is_space(c);
        words += spaced & !space;
        digits = is_decimal(c) ? digits + 1 : 0;
        if (digits >= DIGITS_MIN) return 1;
        if (is(c, OPAQUE)) {
            run++;
        } else {
            if (run >= OPAQUE_MIN && opaque < 0) opaque = at - run, opaque_stop = at;
            run = 0;
        }
        if (space) {
            sign = -1;
        } else if (c == '@') {
            sign = spaced || last == '@' ? -1 : at;
        } else if (c == '.') {
            if (sign >= 0 && at - sign > 1 && at - sign <= DOMAIN_MAX + 1 && size - at > 2) {
                Py_UCS4 one = PyUnicode_READ(kind, data, at + 1);
                Py_UCS4 two = PyUnicode_READ(kind, data, at + 2);
                if (one >= 'a' && one <= 'z' && two >= 'a' && two <= 'z') return 1;
            }
        } else if (c == 's') {
            if (size - at > 2 && PyUnicode_READ(kind, data, at + 1) == 'k' &&
                PyUnicode_READ(kind, data, at + 2) == '-' && (!at || !is_word(last)))
                return 1;
        } else if (c == 'e') {
            if (size - at > 10 && PyUnicode_READ(kind, data, at + 1) == 'y' &&
                PyUnicode_READ(kind, data, at + 2) == 'J' && is_token(data, kind, at + 3, size))
                return 1;
        }
        spaced = space;
        last = c;
    }
    if (run >= OPAQUE_MIN && opaque < 0) opaque = size - run, opaque_stop = size;
    if (words >= (fetched ? WORDS_MIN : LINK_WORDS_MIN)) return 1;
    if (opaque < 0 || reads_as_words(data, kind, opaque, opaque_stop)) return 0;
    Size length = opaque_stop - opaque;
    return length > HASH_MAX || (length >= (fetched ? OPAQUE_MIN : LINK_OPAQUE_MIN) &&
                                 !is_hash(data, kind, opaque, opaque_stop));
}

/* Whether so many bytes of this kind stand in a row. */
static int has_run(Bytes text, Size size, int kind, Size least) {
    for (Size stop = least; stop <= size;) {
        Size at = stop;
        while (at > stop - least && kinds[text[at - 1]] & kind) at--;
        if (at == stop - least) return 1;
        stop = at + least;
    }
    return 0;
}

/* Whether `tells` could say so of a text in ASCII, of which little is looked at. */
static int may_tell(Bytes text, Size size) {
    int spaces = 0;
    for (Size at = 0; at < size; at++) spaces |= text[at] <= ' ';
    if (spaces || memchr(text, '@', size) || has_run(text, size, DIGIT, DIGITS_MIN) ||
        has_run(text, size, OPAQUE, OPAQUE_MIN))
        return 1;
    for (Bytes at = text, end = text + size; (at = memchr(at, 's', end - at)); at++)
        if (at[1] == 'k' && at[2] == '-') return 1;
    for (Bytes at = text, end = text + size; (at = memchr(at, 'J', end - at)); at++)
        if (at - text > 1 && at[-1] == 'y') return 1;
    return 0;
}

/* -- the name of a value */

static const char *const WHOLE[] = {
    "data", "d", "leak", "token", "key", "apikey", "api_key", "cookie", "cookies", "content",
    "conversation", "chat", "history", "summary", "prompt", "system", "payload", "stolen", "info",
    "email", "ssn", "card", "context", "memory", "msg", "message", "text", "log", "c", "x", "m", "p",
    NULL,
};
static const char *const BEGUN[] = {"exfil", "secret", "session", "user", "passw", NULL};
enum { NAME_MAX_ = 12 }; /* the longest of WHOLE */

/* `_TELLING` */
static int is_telling(Bytes name, Size size) {
    Size word = size;
    while (word && (kinds[name[word - 1]] & (LETTER | DIGIT) || name[word - 1] == '_')) word--;
    for (Size at = 0; at < size; at++) {
        if (at && name[at - 1] != '_' && name[at - 1] != '.' && name[at - 1] != '-') continue;
        Size rest = size - at;
        for (int i = 0; at >= word && BEGUN[i]; i++)
            if (rest >= (Size)strlen(BEGUN[i]) && begins(name + at, BEGUN[i])) return 1;
        for (int i = 0; rest <= NAME_MAX_ && WHOLE[i]; i++)
            if (rest == (Size)strlen(WHOLE[i]) && begins(name + at, WHOLE[i])) return 1;
    }
    return 0;
}

/* -- an address */

enum { ROOM = 512 };

static int tail_has_hole(Bytes tail, Size size) {
    uint8_t room[ROOM];
    Text text;
    int found = decode(tail, size, room, ROOM, &text);
    if (!found && (text.owner || may_have_hole(text.data, text.size)))
        found = text.kind == PyUnicode_1BYTE_KIND
                    ? has_hole(text.data, PyUnicode_1BYTE_KIND, text.size)
                    : has_hole(text.data, text.kind, text.size);
    release(&text);
    return found;
}

static int pair_tells(Bytes pair, Size size, int fetched) {
    if (!size) return 0;
    Bytes mark = memchr(pair, '=', size);
    Size named = mark ? mark - pair : 0;
    Bytes value = mark ? mark + 1 : pair;
    if (value == pair + size) return 0;
    uint8_t room[ROOM];
    Text text;
    int found = decode(value, pair + size - value, room, ROOM, &text);
    if (!found && (text.data != value || may_tell(value, text.size)))
        found = text.kind == PyUnicode_1BYTE_KIND
                    ? tells(text.data, PyUnicode_1BYTE_KIND, text.size, fetched)
                    : tells(text.data, text.kind, text.size, fetched);
    if (!found) found = fetched && text.size >= TELLING_MIN && is_telling(pair, named);
    release(&text);
    return found;
}

static int pairs_tell(Bytes text, Size size, int fetched) {
    for (Size at = 0, start = 0; at <= size; at++) {
        if (at < size && !(kinds[text[at]] & BETWEEN)) continue;
        int found = pair_tells(text + start, at - start, fetched);
        if (found) return found;
        start = at + 1;
    }
    return 0;
}

/* `_VERSION_LIKE` */
static int is_version(Bytes text, Size size) {
    Size at = 0;
    while (at < size && kinds[text[at]] & HEX) at++;
    if (at < 7 || at > HASH_MAX) return 0;
    if (at == size) return 1;
    if (text[at] != '.' || size - at < 3 || size - at > 6) return 0;
    for (at++; at < size; at++)
        if (!(kinds[text[at]] & (LETTER | DIGIT))) return 0;
    return 1;
}

/* `_is_opaque_segment` */
static int is_opaque_segment(Bytes text, Size size) {
    if (size < SEGMENT_MIN || is_version(text, size)) return 0;
    Bytes dot = memchr(text, '.', size);
    Size name = dot ? dot - text : size;
    int capitals = 0, smalls = 0, digits = 0;
    for (Size at = 0; at < name; at++) {
        uint8_t c = text[at];
        if (!(kinds[c] & OPAQUE)) return 0;
        digits |= kinds[c] & DIGIT;
        capitals |= c >= 'A' && c <= 'Z';
        smalls |= c >= 'a' && c <= 'z';
    }
    return name >= OPAQUE_MIN && (digits || (capitals && smalls)) &&
           !reads_as_words(text, PyUnicode_1BYTE_KIND, 0, name);
}

/* Whether a piece between these signs has so many bytes; `judge` has a look at each that has.
 *
 * Of shorter ones little is looked at: backwards from where one would be long enough.
 */
static int has_long(Bytes text, Size size, uint8_t sign, Size least, int (*judge)(Bytes, Size)) {
    for (Size start = 0; size - start >= least;) {
        Size at = start + least;
        while (at > start && text[at - 1] != sign) at--;
        if (at > start) {
            start = at;
            continue;
        }
        Bytes end = memchr(text + start, sign, size - start);
        Size stop = end ? end - text : size;
        if (!judge || judge(text + start, stop - start)) return 1;
        start = stop;
    }
    return 0;
}

/* `_CARRIER` */
static int has_carrier(Bytes url, Size size) {
    for (Size at = 0; at < size; at++) {
        uint8_t c = url[at];
        if (c == '?' || c == '#' || c == '%' || c == '{' || c == '<' || c == '$') return 1;
        if (c == '[' && at + 1 < size && (kinds[url[at + 1]] & CAPITAL || url[at + 1] == ' ')) return 1;
    }
    return 0;
}

/* `carries_data`, of an address in ASCII; below 0 where memory is short. */
static int carries(Bytes url, Size size, int fetched) {
    if (size <= LABEL_MIN && !has_carrier(url, size)) return 0;
    Size rest = 0;
    while (rest < size && !(url[rest] == '/' && rest + 1 < size && url[rest + 1] == '/')) rest++;
    rest = rest < size ? rest + 2 : size;
    Bytes begin = url + rest, end = url + size;
    Bytes slash = memchr(begin, '/', end - begin);
    Bytes authority_end = slash ? slash : end;
    Bytes tail = slash ? slash + 1 : end;
    Bytes asked = memchr(begin, '?', authority_end - begin);
    if (asked) authority_end = tail = asked;
    if (has_long(begin, authority_end - begin, '.', LABEL_MIN, NULL)) return 1;
    Bytes query = memchr(tail, '?', end - tail);
    Bytes path_end = query ? query : end;
    query = query ? query + 1 : end;
    Bytes fragment = memchr(tail, '#', path_end - tail);
    Bytes fragment_end = path_end;
    if (fragment) path_end = fragment++;
    if (has_long(tail, path_end - tail, '/', SEGMENT_MIN, is_opaque_segment)) return 1;
    int found = tail_has_hole(tail, end - tail);
    if (!found) found = pairs_tell(query, end - query, fetched);
    if (!found && fragment) found = pairs_tell(fragment, fragment_end - fragment, fetched);
    return found;
}

/* -- where addresses stand */

/* Where one begins behind spaces and `opening`, -1 if there is none; `slashes` is behind its `//`. */
static Size address_at(Bytes data, Size at, const char *opening, int any_case, Size *slashes) {
    for (int spaces = 0; spaces < SPACES_MAX && kinds[data[at]] & SPACE; spaces++) at++;
    if (data[at] && strchr(opening, data[at])) at++;
    Size start = at;
    if (any_case ? begins(data + at, "http") : !strncmp((const char *)data + at, "http", 4)) {
        at += 4;
        at += data[at] == 's' || (any_case && data[at] == 'S');
        if (data[at++] != ':') return -1;
    }
    if (data[at] != '/' || data[at + 1] != '/') return -1;
    *slashes = at += 2;
    for (int least = 0; least < ADDRESS_MIN; least++)
        if (!(kinds[data[at + least]] & ADDRESS)) return -1;
    return start;
}

typedef struct {
    Bytes data;
    Size size;
    PyObject *places;
    Size known; /* so far reaches what may stand in the last address */
} Search;

/* Whether the address at `start` carries something. */
static int is_loaded(Search *s, Size start, Size slashes, int fetched) {
    Size stop = slashes > s->known ? slashes : s->known;
    while (stop < slashes + ADDRESS_MAX && kinds[s->data[stop]] & ADDRESS) stop++;
    s->known = stop;
    return carries(s->data + start, stop - start, fetched);
}

static int tell(Search *s, Size place) {
    PyObject *number = PyLong_FromSsize_t(place);
    if (!number) return -1;
    int failed = PyList_Append(s->places, number);
    Py_DECREF(number);
    return failed;
}

static inline int begins_character(uint8_t c) { return (c & 0xC0) != 0x80; }

/* `\[[^\]]{least,most}` before `stop`, or `!\[.{0,most}` behind `last`: each beginning of it. */
typedef struct {
    int image, most;
    const char *ends; /* what does not stand within it */
    int least;
} Label;

/* The last one before `*at`, -1 if there is none; `*at` and `*count` are where it was found. */
static Size label_before(Bytes data, const Label *label, Size last, Size *at, int *count) {
    while (*at > last + 1 && *count <= label->most) {
        uint8_t c = data[--*at];
        if (c && strchr(label->ends, c)) return -1;
        int is_one = c == '[' && *count >= label->least;
        *count += begins_character(c);
        if (is_one && !label->image) return *at;
        if (is_one && *at > last + 1 && data[*at - 1] == '!') return *at - 1;
    }
    return -1;
}

static int tell_labels(Search *s, const Label *label, Size last, Size stop) {
    Size first = PyList_GET_SIZE(s->places), place;
    int count = 0;
    while ((place = label_before(s->data, label, last, &stop, &count)) >= 0)
        if (tell(s, place)) return -1;
    Size size = PyList_GET_SIZE(s->places);
    if (size - first < 2) return 0;
    PyObject *part = PyList_GetSlice(s->places, first, size);
    if (!part) return -1;
    int failed = PyList_Reverse(part) || PyList_SetSlice(s->places, first, size, part);
    Py_DECREF(part);
    return failed ? -1 : 0;
}

/* Whether the link before an address is an image, as far as BEFORE characters tell. */
static int is_image(Bytes data, Size start) {
    int count = 0;
    for (Size at = start; at > 1;) {
        uint8_t c = data[--at];
        count += begins_character(c);
        if (count >= BEFORE) return 0;
        if (c == '[') return data[at - 1] == '!';
    }
    return 0;
}

enum { IMAGES, LINKS, REFERENCES };
static const Label labels[] = {
    {1, 120, "", 0}, {0, 120, "]", 0}, {0, 100, "]\n", 1},
};

static int find_brackets(Search *s, int which) {
    uint8_t behind = which == REFERENCES ? ':' : '(';
    Bytes data = s->data, found = data, end = data + s->size;
    Size last = -1;
    while ((found = memchr(found, ']', end - found))) {
        Size at = found++ - data, slashes;
        if (data[at + 1] != behind) continue;
        Size start = address_at(data, at + 2, "<", 0, &slashes);
        if (start < 0) continue;
        Size stop = at;
        int count = 0;
        if (label_before(data, &labels[which], last, &stop, &count) >= 0) {
            int fetched = which != LINKS || is_image(data, start);
            int loaded = is_loaded(s, start, slashes, fetched);
            if (loaded < 0 || (loaded && tell_labels(s, &labels[which], last, at))) return -1;
        }
        if (which == IMAGES) last = at; /* the next image ends at the next address */
    }
    return 0;
}

static const char *const TAGS[] = {
    "img", "image", "iframe", "script", "link", "object", "embed", "video", "audio", "source", "input",
    "body", "form", "use", "track", "a", "area", NULL,
};
static const char *const ATTRIBUTES[] = {
    "src", "srcset", "href", "data", "action", "background", "poster", NULL,
};
enum { ATTRIBUTE_AFTER = 120 };

/* The last address of a tag, whose name ends at `at`; -1 if there is none. */
static Size address_of_tag(Bytes data, Size size, Size at, Size *slashes) {
    Size found = -1;
    for (int count = 0; at < size && count <= ATTRIBUTE_AFTER; at++) {
        uint8_t c = (uint8_t)small(data[at]);
        if (c == '<' || c == '>') break;
        for (int i = 0; ATTRIBUTES[i]; i++) {
            if (c != ATTRIBUTES[i][0] || !begins(data + at, ATTRIBUTES[i])) continue;
            Size behind = at + (Size)strlen(ATTRIBUTES[i]), one;
            for (int spaces = 0; spaces < SPACES_MAX && kinds[data[behind]] & SPACE; spaces++) behind++;
            if (data[behind] != '=') continue;
            Size start = address_at(data, behind + 1, "\"'", 1, &one);
            if (start >= 0) found = start, *slashes = one;
        }
        count += begins_character(data[at + 1]);
    }
    return found;
}

static int find_tags(Search *s) {
    Bytes data = s->data, found = data, end = data + s->size;
    while ((found = memchr(found, '<', end - found))) {
        Size place = found++ - data, at = place + 1, slashes = 0;
        while (kinds[data[at]] & LETTER) at++;
        if (kinds[data[at]] & DIGIT || data[at] == '_') continue;
        int is_one = 0;
        for (int i = 0; TAGS[i] && !is_one; i++)
            is_one = (Size)strlen(TAGS[i]) == at - place - 1 && begins(data + place + 1, TAGS[i]);
        if (!is_one) continue;
        Size start = address_of_tag(data, s->size, at, &slashes);
        if (start < 0) continue;
        int loaded = is_loaded(s, start, slashes, 1);
        if (loaded < 0 || (loaded && tell(s, place))) return -1;
    }
    return 0;
}

static int find_styles(Search *s) {
    Bytes data = s->data, found = data, end = data + s->size;
    while ((found = memchr(found, '(', end - found))) {
        Size at = found++ - data, slashes;
        if (at < 3 || !begins(data + at - 3, "url")) continue;
        Size start = address_at(data, at + 1, "\"'", 1, &slashes);
        if (start < 0) continue;
        int loaded = is_loaded(s, start, slashes, 1);
        if (loaded < 0 || (loaded && tell(s, at - 3))) return -1;
    }
    return 0;
}

enum { TAGGED = REFERENCES + 1, STYLED };

static PyObject *found_in(PyObject *data, int which) {
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "bytes are searched");
        return NULL;
    }
    Search s = {(Bytes)PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), PyList_New(0), 0};
    if (!s.places) return NULL;
    int failed = which == TAGGED ? find_tags(&s)
                 : which == STYLED ? find_styles(&s)
                                   : find_brackets(&s, which);
    PyObject *places = failed ? NULL : PyObject_GetIter(s.places);
    Py_DECREF(s.places);
    return places;
}

static PyObject *images(PyObject *Py_UNUSED(module), PyObject *data) { return found_in(data, IMAGES); }
static PyObject *links(PyObject *Py_UNUSED(module), PyObject *data) { return found_in(data, LINKS); }
static PyObject *tags(PyObject *Py_UNUSED(module), PyObject *data) { return found_in(data, TAGGED); }
static PyObject *styles(PyObject *Py_UNUSED(module), PyObject *data) { return found_in(data, STYLED); }
static PyObject *references(PyObject *Py_UNUSED(module), PyObject *data) {
    return found_in(data, REFERENCES);
}

static PyObject *carries_data(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count) {
    if (count != 2 || !PyUnicode_Check(given[0]) || !PyUnicode_IS_ASCII(given[0])) {
        PyErr_SetString(PyExc_ValueError, "told of an address in ASCII, and whether it is fetched");
        return NULL;
    }
    int found = carries(PyUnicode_1BYTE_DATA(given[0]), PyUnicode_GET_LENGTH(given[0]),
                        PyObject_IsTrue(given[1]));
    return found < 0 ? NULL : PyBool_FromLong(found);
}

static void mark(const char *characters, int kind) {
    for (; *characters; characters++) kinds[(uint8_t)*characters] |= (uint16_t)kind;
}

static int module_exec(PyObject *Py_UNUSED(module)) {
    for (int c = 'a'; c <= 'z'; c++) {
        kinds[c] |= ADDRESS | OPAQUE | LETTER;
        kinds[c - 32] |= ADDRESS | OPAQUE | LETTER | CAPITAL;
    }
    mark("0123456789", ADDRESS | OPAQUE | HEX | DIGIT);
    mark("abcdefABCDEF", HEX);
    mark("!#$%&*+,./:;=?@[]_{|}~-", ADDRESS);
    mark("+/_=-", OPAQUE);
    mark("_", CAPITAL);
    mark(" \t\n\r\f\v", SPACE);
    mark("{}<>[]$", HOLE);
    mark("&#;", BETWEEN);
    return 0;
}

static PyMethodDef methods[] = {
    {"images", images, METH_O, "images(data): see gateway/scan/threats/screens.py."},
    {"links", links, METH_O, "links(data): see gateway/scan/threats/screens.py."},
    {"references", references, METH_O, "references(data): see gateway/scan/threats/screens.py."},
    {"tags", tags, METH_O, "tags(data): see gateway/scan/threats/screens.py."},
    {"styles", styles, METH_O, "styles(data): see gateway/scan/threats/screens.py."},
    {"carries_data", (PyCFunction)(void (*)(void))carries_data, METH_FASTCALL,
     "carries_data(url, fetched): see gateway/scan/threats/exfiltration.py."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan.threats._loads",
    .m_doc = "The screens of addresses that carry data away, in C.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__loads(void) { return PyModuleDef_Init(&module_def); }
