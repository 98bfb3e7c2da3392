/* What machines with wide registers do 32 bytes at a time; others never come here.
 *
 * A file that includes this holds each of its hot functions in two forms, and chooses when it is
 * loaded. `target_clones` would choose earlier, but a build that counts what runs dies of its resolver.
 */

#ifndef SEALGATE_WIDE_H
#define SEALGATE_WIDE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum { HALF = 16 };

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define CAN_BE_WIDE 1
#define WIDE __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define HAS_WIDE                                                              \
    (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&       \
     __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
#define INTO_EACH __attribute__((always_inline))

WIDE static inline __m256i eight(const void *at) { return _mm256_loadu_si256(at); }

/* A table for each half of a byte, in both halves of a register, as `_mm256_shuffle_epi8` reads it. */
WIDE static inline __m256i in_both(const uint8_t *table) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

WIDE static inline __m256i low_halves(__m256i bytes) {
    return _mm256_and_si256(bytes, _mm256_set1_epi8(HALF - 1));
}

WIDE static inline __m256i high_halves(__m256i bytes) {
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(HALF - 1));
}

/* A bit for each of 32 bytes of ASCII that is in a class: a bit for each high half in the row of each
 * low half. */
WIDE static inline uint32_t in_class(__m256i bytes, const uint8_t *rows) {
    __m256i row = _mm256_shuffle_epi8(in_both(rows), low_halves(bytes));
    __m256i bit = _mm256_shuffle_epi8(
        _mm256_set1_epi64x((int64_t)0x8040201008040201u), high_halves(bytes));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(row, bit), bit));
}

WIDE static inline uint64_t in_class_64(const uint8_t *bytes, const uint8_t *rows) {
    return in_class(eight(bytes), rows) | (uint64_t)in_class(eight(bytes + 32), rows) << 32;
}
#else
#define CAN_BE_WIDE 0
#define WIDE
#define HAS_WIDE 0
#define INTO_EACH
#endif

static int is_wide; /* told when the module is loaded */

static void add_to_class(uint8_t *rows, int byte) {
    rows[byte & (HALF - 1)] |= (uint8_t)(1u << (byte >> 4));
}

/* For tests, which compare the forms. */
static PyObject *use_wide(PyObject *Py_UNUSED(module), PyObject *on) {
    int wanted = PyObject_IsTrue(on);
    if (wanted < 0) return NULL;
    is_wide = wanted && HAS_WIDE;
    return PyBool_FromLong(is_wide);
}

#define USE_WIDE {"use_wide", use_wide, METH_O, "use_wide(on): whether they are used from now on."}

#endif
