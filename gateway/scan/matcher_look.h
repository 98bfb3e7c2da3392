/* Where in a text a body may begin, 32 places at a time: most texts are without candidates for most
 * expressions, and are passed over here. */

#ifndef SEALGATE_MATCHER_LOOK_H
#define SEALGATE_MATCHER_LOOK_H

#include "wide.h"

enum { AT_A_TIME = 32, ASCII = 128, BYTES = 256 };

/* A class of bytes: for each low half a bit for each high half of ASCII, and of what is beyond. */
typedef struct {
    uint8_t plain[HALF], beyond[HALF];
} Rows;

/* What may be the first byte, and stand around it. After a first one beyond ASCII all may come. */
typedef struct {
    Rows before, first, second;
} Look;

static void fill_rows(Rows *rows, const uint8_t *table) {
    memset(rows, 0, sizeof *rows);
    for (int byte = 0; byte < BYTES; byte++)
        if (table[byte]) add_to_class(byte < ASCII ? rows->plain : rows->beyond, byte % ASCII);
}

#if CAN_BE_WIDE
WIDE static inline uint32_t in_rows(__m256i bytes, const Rows *rows) {
    __m256i low = low_halves(bytes);
    __m256i row = _mm256_blendv_epi8(
        _mm256_shuffle_epi8(in_both(rows->plain), low),
        _mm256_shuffle_epi8(in_both(rows->beyond), low), bytes);
    __m256i bit = _mm256_shuffle_epi8(
        _mm256_set1_epi64x((int64_t)0x8040201008040201u), high_halves(bytes));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(row, bit), bit));
}

/* The first place from `at` on where a body may begin, or one before which none is and behind which
 * there are not 32 places and another byte before `stop`. There is a byte before `at`. */
WIDE static Py_ssize_t pass_over(const Look *l, const uint8_t *data, Py_ssize_t at, Py_ssize_t stop) {
    for (; at + AT_A_TIME < stop; at += AT_A_TIME) {
        __m256i bytes = eight(data + at);
        uint32_t found = in_rows(bytes, &l->first);
        if (!found) continue;
        found &= in_rows(eight(data + at - 1), &l->before);
        found &= in_rows(eight(data + at + 1), &l->second) | (uint32_t)_mm256_movemask_epi8(bytes);
        if (found) return at + __builtin_ctz(found);
    }
    return at;
}

/* The first place from `at` on with a byte of these rows, or one before which none is and behind which
 * there are not 32 before `stop`. */
WIDE static Py_ssize_t pass_others(const Rows *rows, const uint8_t *data, Py_ssize_t at, Py_ssize_t stop) {
    for (; at + AT_A_TIME <= stop; at += AT_A_TIME) {
        uint32_t found = in_rows(eight(data + at), rows);
        if (found) return at + __builtin_ctz(found);
    }
    return at;
}
#else
static Py_ssize_t pass_others(const Rows *rows, const uint8_t *data, Py_ssize_t at, Py_ssize_t stop) {
    (void)rows, (void)data, (void)stop;
    return at;
}

static Py_ssize_t pass_over(const Look *l, const uint8_t *data, Py_ssize_t at, Py_ssize_t stop) {
    (void)l, (void)data, (void)stop;
    return at;
}
#endif

#endif
