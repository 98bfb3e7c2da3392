/* Keccak-256 as Ethereum has it, in C: what `keccak256` in library/wallets.py computes. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum { LANES = 25, ROUNDS = 24, RATE = 136, DIGEST = 32 };

/* FIPS 202 section 3.2.5: what each round adds to the first lane. */
static const uint64_t round_constants[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
    0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
    0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};
/* Sections 3.2.2 and 3.2.3 in one: where each lane goes, and by how much it is rotated, along the
 * cycle that begins with lane 1. */
static const uint8_t places[LANES - 1] = {
    10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
static const uint8_t rotations[LANES - 1] = {
    1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};

static inline uint64_t rotated(uint64_t lane, int by) { return lane << by | lane >> (64 - by); }

/* Unrolled, all places and rotations are constants: two thirds of the time. */
static void permute(uint64_t lane[LANES]) {
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t column[5];
#pragma GCC unroll 24
        for (int x = 0; x < 5; x++)
            column[x] = lane[x] ^ lane[x + 5] ^ lane[x + 10] ^ lane[x + 15] ^ lane[x + 20];
#pragma GCC unroll 24
        for (int x = 0; x < 5; x++) {
            uint64_t mixed = column[(x + 4) % 5] ^ rotated(column[(x + 1) % 5], 1);
#pragma GCC unroll 24
            for (int at = x; at < LANES; at += 5) lane[at] ^= mixed;
        }
        uint64_t moved = lane[1];
#pragma GCC unroll 24
        for (int at = 0; at < LANES - 1; at++) {
            uint64_t next = lane[places[at]];
            lane[places[at]] = rotated(moved, rotations[at]);
            moved = next;
        }
#pragma GCC unroll 24
        for (int row = 0; row < LANES; row += 5) {
            uint64_t before[5];
            memcpy(before, lane + row, sizeof before);
#pragma GCC unroll 24
            for (int x = 0; x < 5; x++)
                lane[row + x] = before[x] ^ (~before[(x + 1) % 5] & before[(x + 2) % 5]);
        }
        lane[0] ^= round_constants[round];
    }
}

static void absorb(uint64_t lane[LANES], const uint8_t block[RATE]) {
    for (int at = 0; at < RATE; at++) lane[at / 8] ^= (uint64_t)block[at] << 8 * (at % 8);
    permute(lane);
}

static PyObject *keccak256(PyObject *Py_UNUSED(module), PyObject *data) {
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "what is hashed is bytes");
        return NULL;
    }
    const uint8_t *at = (const uint8_t *)PyBytes_AS_STRING(data);
    Py_ssize_t left = PyBytes_GET_SIZE(data);
    uint64_t lane[LANES] = {0};
    for (; left >= RATE; at += RATE, left -= RATE) absorb(lane, at);
    uint8_t last[RATE] = {0}, digest[DIGEST];
    memcpy(last, at, (size_t)left);
    last[left] = 1;
    last[RATE - 1] |= 0x80;
    absorb(lane, last);
    for (int byte = 0; byte < DIGEST; byte++) digest[byte] = (uint8_t)(lane[byte / 8] >> 8 * (byte % 8));
    return PyBytes_FromStringAndSize((const char *)digest, DIGEST);
}

static PyMethodDef methods[] = {
    {"keccak256", keccak256, METH_O, "keccak256(data): see library/wallets.py."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.scan._keccak",
    .m_doc = "The hash of library/wallets.py in C.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__keccak(void) { return PyModuleDef_Init(&module_def); }
