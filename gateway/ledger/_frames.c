/* The header of a frame in C: what `header_of` in frames.py makes with zlib.
 *
 * CRC-32 by multiplication without carries, which is there for it: a tenth of the time of a table.
 * Without that instruction the module does not load. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>

enum { LANE = 16, AT_ONCE = 4 * LANE, FIELD = 4 };

/* What four more bits do to the rest of a division by 0xEDB88320 (ISO-HDLC, bits reflected). */
static const uint32_t of_four_bits[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};

#define LOAD(from) _mm_loadu_si128((const __m128i *)(from))
#define WITH_INSTRUCTIONS __attribute__((target("pclmul,sse4.1")))

/* Moves what `held` stands for as far ahead as `by` says, and adds what lies there. */
WITH_INSTRUCTIONS static inline __m128i folded(__m128i held, __m128i by, __m128i there) {
    __m128i low = _mm_clmulepi64_si128(held, by, 0x00), high = _mm_clmulepi64_si128(held, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

/* Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel
 * 2009; the constants are those of its reflected form. `size` is a multiple of 16, 64 or more. */
WITH_INSTRUCTIONS static uint32_t by_lanes(uint32_t rest, const uint8_t *at, size_t size) {
    const __m128i by_four = _mm_set_epi64x(0x01C6E41596, 0x0154442BD4);
    const __m128i by_one = _mm_set_epi64x(0x00CCAA009E, 0x01751997D0);
    const __m128i to_half = _mm_set_epi64x(0, 0x0163CD6124);
    const __m128i divisor = _mm_set_epi64x(0x01F7011641, 0x01DB710641);
    const __m128i words = _mm_set_epi32(0, -1, 0, -1);
    __m128i a = _mm_xor_si128(LOAD(at), _mm_cvtsi32_si128((int)rest));
    __m128i b = LOAD(at + LANE), c = LOAD(at + 2 * LANE), d = LOAD(at + 3 * LANE);
    for (at += AT_ONCE, size -= AT_ONCE; size >= AT_ONCE; at += AT_ONCE, size -= AT_ONCE) {
        a = folded(a, by_four, LOAD(at));
        b = folded(b, by_four, LOAD(at + LANE));
        c = folded(c, by_four, LOAD(at + 2 * LANE));
        d = folded(d, by_four, LOAD(at + 3 * LANE));
    }
    a = folded(folded(folded(a, by_one, b), by_one, c), by_one, d);
    for (; size; at += LANE, size -= LANE) a = folded(a, by_one, LOAD(at));
    a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_one, 0x10));
    a = _mm_xor_si128(
        _mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, words), to_half, 0x00));
    __m128i times = _mm_clmulepi64_si128(_mm_and_si128(a, words), divisor, 0x10);
    times = _mm_clmulepi64_si128(_mm_and_si128(times, words), divisor, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(a, times), 1);
}

static uint32_t crc32_of(const uint8_t *at, size_t size) {
    uint32_t rest = UINT32_MAX;
    if (size >= AT_ONCE) {
        size_t lanes = size / LANE * LANE;
        rest = by_lanes(rest, at, lanes);
        at += lanes, size -= lanes;
    }
    for (; size; at++, size--) {
        rest ^= *at;
        rest = rest >> 4 ^ of_four_bits[rest & 15];
        rest = rest >> 4 ^ of_four_bits[rest & 15];
    }
    return ~rest;
}

static PyObject *header(PyObject *Py_UNUSED(module), PyObject *payload) {
    if (!PyBytes_Check(payload) || PyBytes_GET_SIZE(payload) > UINT32_MAX) {
        PyErr_SetString(PyExc_TypeError, "a payload is bytes");
        return NULL;
    }
    uint32_t size = (uint32_t)PyBytes_GET_SIZE(payload);
    uint32_t crc = crc32_of((const uint8_t *)PyBytes_AS_STRING(payload), size);
    char fields[2 * FIELD];
    for (int byte = 0; byte < FIELD; byte++) {
        fields[byte] = (char)(size >> (24 - 8 * byte));
        fields[FIELD + byte] = (char)(crc >> (24 - 8 * byte));
    }
    return PyBytes_FromStringAndSize(fields, sizeof fields);
}

static PyMethodDef methods[] = {
    {"header", header, METH_O, "header(payload): see header_of in frames.py."},
    {NULL, NULL, 0, NULL},
};

static int has_instructions(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_PCLMUL) && (c & bit_SSE4_1);
}
#else
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
static int has_instructions(void) { return 0; }
#endif

static int prepare(PyObject *Py_UNUSED(module)) {
    if (has_instructions()) return 0;
    PyErr_SetString(PyExc_ImportError, "the processor has no instruction for CRC-32");
    return -1;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)prepare}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.ledger._frames",
    .m_doc = "The header of a frame in C.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__frames(void) { return PyModuleDef_Init(&module_def); }
