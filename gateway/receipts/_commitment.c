/* SHA-256 by the processor's own instructions, in C: what `commitment.py` computes with hashlib.
 *
 * For texts and bodies of ordinary size, where OpenSSL takes longer to look its algorithm up and to
 * make and clear a context than to hash. Without these instructions the module does not load. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>

enum { BLOCK = 64, DIGEST = 32, LENGTH = 8, WORDS = 8, ROUNDS = 64 };

/* FIPS 180-4 sections 5.3.3 and 4.2.2. */
static const uint32_t beginning[WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint32_t round_constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

typedef struct {
    uint32_t state[WORDS];
    uint8_t block[BLOCK]; /* what came since the last whole block */
    uint64_t size;
} Hash;

#define LOAD(from) _mm_loadu_si128((const __m128i *)(from))
#define STORE(to, words) _mm_storeu_si128((__m128i *)(to), words)

/* The instructions want the eight words of the state as (a b e f) and (c d g h), the first highest;
 * they do two rounds each. */
__attribute__((target("sha,sse4.1"))) static void compress(
    uint32_t state[WORDS], const uint8_t *at, size_t blocks) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i cdab = _mm_shuffle_epi32(LOAD(state), 0xB1);
    __m128i efgh = _mm_shuffle_epi32(LOAD(state + 4), 0x1B);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
    for (; blocks; blocks--, at += BLOCK) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
#pragma GCC unroll 4
        for (int four = 0; four < 4; four++)
            w[four] = _mm_shuffle_epi8(LOAD(at + 16 * four), big_endian);
#pragma GCC unroll 16
        for (int four = 0; four < ROUNDS / 4; four++) {
            __m128i sum = _mm_add_epi32(w[four % 4], LOAD(round_constants + 4 * four));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
            if (four >= ROUNDS / 4 - 4) continue;
            __m128i last = w[(four + 3) % 4];
            __m128i next = _mm_sha256msg1_epu32(w[four % 4], w[(four + 1) % 4]);
            next = _mm_add_epi32(next, _mm_alignr_epi8(last, w[(four + 2) % 4], 4));
            w[four % 4] = _mm_sha256msg2_epu32(next, last);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    STORE(state, _mm_blend_epi16(feba, dchg, 0xF0));
    STORE(state + 4, _mm_alignr_epi8(dchg, feba, 8));
}

static void begin(Hash *hash) {
    memcpy(hash->state, beginning, sizeof beginning);
    hash->size = 0;
}

static void update(Hash *hash, const uint8_t *data, size_t size) {
    size_t held = hash->size % BLOCK;
    hash->size += size;
    if (held) {
        size_t taken = size < BLOCK - held ? size : BLOCK - held;
        memcpy(hash->block + held, data, taken);
        if (held + taken < BLOCK) return;
        compress(hash->state, hash->block, 1);
        data += taken, size -= taken;
    }
    compress(hash->state, data, size / BLOCK);
    memcpy(hash->block, data + size / BLOCK * BLOCK, size % BLOCK);
}

static void finish(Hash *hash, uint8_t digest[DIGEST]) {
    size_t held = hash->size % BLOCK;
    uint64_t bits = hash->size * 8;
    hash->block[held++] = 0x80;
    if (held > BLOCK - LENGTH) {
        memset(hash->block + held, 0, BLOCK - held);
        compress(hash->state, hash->block, 1);
        held = 0;
    }
    memset(hash->block + held, 0, BLOCK - LENGTH - held);
    for (int byte = 0; byte < LENGTH; byte++)
        hash->block[BLOCK - 1 - byte] = (uint8_t)(bits >> 8 * byte);
    compress(hash->state, hash->block, 1);
    for (int byte = 0; byte < DIGEST; byte++)
        digest[byte] = (uint8_t)(hash->state[byte / 4] >> (24 - 8 * (byte % 4)));
}

static void update_with(Hash *hash, PyObject *data) {
    update(hash, (const uint8_t *)PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data));
}

/* HMAC-SHA256 (RFC 2104) of a label under a secret no longer than a block. */
static int salt_of(PyObject *secret, PyObject *label, uint8_t salt[DIGEST]) {
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(label, &size);
    if (text == NULL) return -1;
    uint8_t inner[BLOCK] = {0}, outer[BLOCK];
    memcpy(inner, PyBytes_AS_STRING(secret), (size_t)PyBytes_GET_SIZE(secret));
    for (int byte = 0; byte < BLOCK; byte++) {
        outer[byte] = inner[byte] ^ 0x5C;
        inner[byte] ^= 0x36;
    }
    Hash hash;
    begin(&hash);
    update(&hash, inner, BLOCK);
    update(&hash, (const uint8_t *)text, (size_t)size);
    finish(&hash, salt);
    begin(&hash);
    update(&hash, outer, BLOCK);
    update(&hash, salt, DIGEST);
    finish(&hash, salt);
    return 0;
}

static PyObject *in_hex(Hash *hash) {
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[DIGEST];
    finish(hash, digest);
    PyObject *text = PyUnicode_New(2 * DIGEST, 127);
    if (text == NULL) return NULL;
    Py_UCS1 *to = PyUnicode_1BYTE_DATA(text);
    for (int byte = 0; byte < DIGEST; byte++) {
        *to++ = (Py_UCS1)digits[digest[byte] >> 4];
        *to++ = (Py_UCS1)digits[digest[byte] & 15];
    }
    return text;
}

/* Whether these are a secret, a label and, where a body is asked for, that. */
static int are_right(PyObject *const *given, Py_ssize_t count, Py_ssize_t wanted) {
    if (count == wanted && PyBytes_Check(given[0]) && PyBytes_GET_SIZE(given[0]) <= BLOCK &&
        PyUnicode_Check(given[1]) && (count < 3 || PyBytes_Check(given[2])))
        return 1;
    PyErr_Format(PyExc_TypeError, "a secret of at most %d bytes, a label and bytes", BLOCK);
    return 0;
}

static PyObject *salt(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count) {
    uint8_t digest[DIGEST];
    if (!are_right(given, count, 2) || salt_of(given[0], given[1], digest)) return NULL;
    return PyBytes_FromStringAndSize((const char *)digest, DIGEST);
}

static PyObject *commit(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count) {
    uint8_t digest[DIGEST];
    Hash hash;
    if (!are_right(given, count, 3)) return NULL;
    begin(&hash);
    if (PyBytes_GET_SIZE(given[0])) {
        if (salt_of(given[0], given[1], digest)) return NULL;
        update(&hash, digest, DIGEST);
    }
    update_with(&hash, given[2]);
    return in_hex(&hash);
}

static PyObject *digest_of(PyObject *Py_UNUSED(module), PyObject *data) {
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "what is hashed is bytes");
        return NULL;
    }
    Hash hash;
    begin(&hash);
    update_with(&hash, data);
    return in_hex(&hash);
}

static PyMethodDef methods[] = {
    {"salt", (PyCFunction)(void (*)(void))salt, METH_FASTCALL,
     "salt(secret, label): see commitment.py."},
    {"commit", (PyCFunction)(void (*)(void))commit, METH_FASTCALL,
     "commit(secret, label, body): see commit_with."},
    {"digest", digest_of, METH_O, "digest(data): SHA-256 in hex."},
    {NULL, NULL, 0, NULL},
};

static int has_instructions(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#else
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
static int has_instructions(void) { return 0; }
#endif

static int prepare(PyObject *Py_UNUSED(module)) {
    if (has_instructions()) return 0;
    PyErr_SetString(PyExc_ImportError, "the processor has no instructions for SHA-256");
    return -1;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)prepare}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.receipts._commitment",
    .m_doc = "The hashes of commitment.py in C.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__commitment(void) { return PyModuleDef_Init(&module_def); }
