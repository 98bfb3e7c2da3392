/* The n-grams of a block of words: made, looked up, and added to the sums of their words.
 *
 * `_sweep.c` reads a text and puts the values of its letters and the hashes of its words here. What
 * a block holds is made into n-grams all together: each kind is one loop over arrays, which compilers
 * make wide where the processor is, and a look-up waits for no other.
 */

#ifndef SEALGATE_SWEEP_BLOCK_H
#define SEALGATE_SWEEP_BLOCK_H

#include "wide.h"

enum { STEM = 5, FIVE = 5, REACH = 4, BEFORE = 3, RING = 256 };
/* Kinds of n-grams, in the order in which a block has them; `mark` is that of the characters before. */
enum { ONE, FIVES, MARKS, TWO, STEMS, THREE, SKIP, FOUR, KINDS };
/* What a block has room for; what is written past it by whole registers has room as well. */
enum { LETTERS = 640, WORDS = 128, LANES = 8, GRAMS = LETTERS + (KINDS - 1) * WORDS + LANES };
enum { PLACES = WORDS + 2 * REACH, TURNS = 4 };
enum { SHORT_WORDS = 20, MIDDLE_WORDS = 64, LONG_WORDS = 200, WIDTHS = 3 };
enum { LEAST = -256, MOST = 1024 };

/* Of the loop that follows: no turn of it reads what another writes. */
#ifdef __GNUC__
#define NO_OVERLAP _Pragma("GCC ivdep")
#define PREFETCH(place) __builtin_prefetch(place)
#else
#define NO_OVERLAP
#define PREFETCH(place) ((void)0)
#endif

static const int64_t widths[WIDTHS] = {SHORT_WORDS, MIDDLE_WORDS, LONG_WORDS};
/* How many words an n-gram of each kind looks back from the one that it ends with, and spans. */
static const uint8_t looks_back[KINDS] = {0, 0, 0, 1, 1, 2, 2, 3};
static const uint8_t spans[KINDS] = {1, 2, 1, 2, 2, 3, 3, 4};

typedef struct {
    PyObject_HEAD
    PyObject *entries, *present, *kinds, *values, *leet;
    uint32_t *ranks;
    /* For each low half of a character of ASCII a bit for each high half: what is part of a run of
     * words, and what of these asks for a closer look. */
    uint8_t within[HALF], odd[HALF];
} Tables;

typedef struct {
    int64_t sum, best, at;
} Width;

typedef struct {
    PyObject_HEAD
    Tables *tables;
    int side;
    int64_t words, known, settled, sum, chars;
    Width width[WIDTHS];
    int64_t pending[REACH]; /* sums of the words from `settled` on, the oldest first */
    /* The newest four letters and the words that they are of, counted from `settled`; the oldest first. */
    uint32_t recent[REACH];
    uint8_t owner[REACH];
    uint32_t before[BEFORE], stem; /* hashes of the newest words, the oldest first */
    uint32_t gap_first, gap_last;
    int gap;
    int32_t ring[RING];
} Sweep;

/* An n-gram that has a weight, and the words that it is made of. */
typedef struct {
    int64_t first;
    int span, weight;
} Hit;

typedef struct {
    Hit *hits;
    size_t count, room;
    int is_short_of_memory;
} Listing;

/* Words are told by their place in `sums`, which begins with the word `settled`. */
typedef struct {
    Sweep *s;
    const uint8_t *entries, *present, *kinds, *values, *leet;
    const uint32_t *ranks;
    Listing *listing; /* where what is found is told; mostly NULL */
    int letters, words, marks, base; /* `base` is the place of the block's first word */
    /* Letters, behind the four before them: their values, and the words that they are of. */
    uint32_t value[REACH + LETTERS + LANES];
    uint8_t owner[REACH + LETTERS + LANES];
    /* Words, behind those before them: their hashes, and those of their first letters. */
    uint32_t word[BEFORE + WORDS + LANES], stem[1 + WORDS + LANES];
    /* What stands before some words, and which. */
    uint32_t mark[WORDS + 1];
    uint8_t marked[WORDS + 1];
    /* N-grams, the words that they begin in, and where those of each kind begin. */
    int size, begin[KINDS];
    uint32_t gram[GRAMS + LANES];
    uint8_t of[GRAMS + LANES];
    int64_t sums[PLACES];
    /* What the block adds to them: in turn into each, as one sum would have to wait for itself. */
    int32_t added[TURNS][PLACES];
} Block;

/* Little-endian on every machine; compilers make one load of it where they can. */
static inline uint32_t four(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline uint32_t mix(uint32_t gram) {
    gram ^= gram >> 16;
    gram *= 0x7FEB352Du;
    gram ^= gram >> 15;
    gram *= 0x846CA68Bu;
    return gram ^ gram >> 16;
}

static inline uint32_t ones(uint32_t bits) {
#ifdef __GNUC__
    return (uint32_t)__builtin_popcount(bits);
#else
    uint32_t count = 0;
    for (; bits; bits &= bits - 1) count++;
    return count;
#endif
}

static inline int64_t bounded(int64_t sum) { return sum < LEAST ? LEAST : sum > MOST ? MOST : sum; }

static inline void widen(Width *width, const int32_t *ring, int64_t word, int64_t size, int64_t sum) {
    width->sum += sum;
    if (word >= size) width->sum -= ring[(word - size) & (RING - 1)];
    if (word >= size - 1 && width->sum > width->best) {
        width->best = width->sum;
        width->at = word - (size - 1);
    }
}

/* Where the table has room for an n-gram; NULL where it has none. */
static inline const uint8_t *entry_of(const Block *b, uint32_t spread) {
    uint32_t place = spread >> 12, bits = four(b->present + (place >> 5) * 4);
    if (!(bits >> (place & 31) & 1)) return NULL;
    uint32_t rank = b->ranks[place >> 5] + ones(bits & ((1u << (place & 31)) - 1));
    return b->entries + (size_t)rank * 4;
}

static inline int is_of(const uint8_t *entry, uint32_t spread) {
    return (entry[0] | (uint32_t)entry[1] << 8) == (spread & 0xFFFF);
}

/* -- n-grams. Whole registers are written: what is too much is written over, or never looked at. */

/* The numbers from 0 on; made when the module is loaded. */
static uint8_t places[PLACES];

static inline int whole(int count) { return (count + LANES - 1) & -LANES; }

/* Makes room for the n-grams of a kind that end with the block's words, and tells of which word the
 * first is: those of a text lack words before them. */
static inline int open_kind(Block *b, int kind, uint32_t **out) {
    int back = looks_back[kind], from = 0;
    int64_t first = b->s->words - b->words;
    if (first < back) from = (int)(back - first);
    if (from > b->words) from = b->words;
    b->begin[kind] = b->size;
    *out = b->gram + b->size;
    if (from < b->words)
        memcpy(b->of + b->size, places + b->base + from - back, (size_t)(b->words - from));
    b->size += b->words - from;
    return from;
}

/* Those of five letters, across any spaces. */
INTO_EACH static inline void make_fives(Block *b) {
    int from = b->s->chars < FIVE - 1 ? FIVE - 1 - (int)b->s->chars : 0;
    int count = b->letters > from ? b->letters - from : 0;
    const uint32_t *v = b->value + from;
    uint32_t *out = b->gram + b->size;
    b->begin[FIVES] = b->size;
    memcpy(b->of + b->size, b->owner + from, (size_t)count);
    b->size += count;
    NO_OVERLAP
    for (int i = 0; i < whole(count); i++)
        out[i] = v[i] + v[i + 1] * 0x2C1B3C6Du + v[i + 2] * 0x45414669u + v[i + 3] * 0x425E96B5u +
                 v[i + 4] * 0x6EAF9711u;
}

/* Those of a word and the outer characters before it. */
static inline void make_marks(Block *b) {
    b->begin[MARKS] = b->size;
    for (int i = 0; i < b->marks; i++) {
        int word = b->marked[i];
        b->gram[b->size] = b->mark[i] * 0xBE1E0823u + b->word[BEFORE + word];
        b->of[b->size++] = (uint8_t)(b->base + word);
    }
}

/* Those of a word and others before it: the hashes at `w`, each multiplied. */
INTO_EACH static inline void make_words(
    Block *b, int kind, const uint32_t *w, uint32_t third, uint32_t second, uint32_t first, uint32_t last
) {
    uint32_t *out;
    int from = open_kind(b, kind, &out), count = whole(b->words - from);
    w += from;
    NO_OVERLAP
    for (int i = 0; i < count; i++)
        out[i] = (third ? w[i - 3] * third : 0) + (second ? w[i - 2] * second : 0) +
                 (first ? w[i - 1] * first : 0) + w[i] * last;
}

/* What is looked up with the last ones is always the same, and is not counted. */
static inline void pad(Block *b) { memset(b->gram + b->size, 0, LANES * sizeof *b->gram); }

INTO_EACH static inline void make_grams(Block *b) {
    uint32_t *w = b->word + BEFORE, *stem = b->stem + 1;
    for (int i = 0; i < whole(b->words); i++) w[i] = mix(w[i]);
    for (int i = 0; i < whole(b->words); i++) stem[i] = mix(stem[i]);
    b->size = 0;
    make_words(b, ONE, w, 0, 0, 0, 1);
    pad(b);
    b->size = whole(b->size); /* what is kept of these is not written over others */
    make_fives(b);
    make_marks(b);
    make_words(b, TWO, w, 0, 0, 1, 0xDAA66D13u);
    make_words(b, STEMS, stem, 0, 0, 0x08D12DFDu, 0x4540215Fu);
    make_words(b, THREE, w, 0, 1, 0xDAA66D13u, 0x17156075u);
    make_words(b, SKIP, w, 0, 1, 0, 0x8FF34739u);
    make_words(b, FOUR, w, 1, 0xDAA66D13u, 0x17156075u, 0x538453D7u);
    pad(b);
}

/* -- what is found, for an explanation */

static void tell(Block *b, int kind, int at) {
    Listing *l = b->listing;
    uint32_t spread = mix(b->gram[at]);
    const uint8_t *entry = entry_of(b, spread);
    int weight = entry != NULL && is_of(entry, spread) ? (int8_t)entry[b->s->side] : 0;
    if (!weight) return;
    l->hits[l->count++] = (Hit){b->s->settled + b->of[at], spans[kind], weight};
}

/* Room for all that a block may have. */
static int has_room(Listing *l) {
    if (l->room - l->count >= GRAMS) return 1;
    size_t room = l->room ? l->room * 2 : 2 * GRAMS;
    Hit *grown = PyMem_Realloc(l->hits, room * sizeof *grown);
    if (grown == NULL) {
        l->is_short_of_memory = 1;
        return 0;
    }
    l->hits = grown, l->room = room;
    return 1;
}

/* The word that the last letter of an n-gram of five is of. */
static int ends_in(const Block *b, int five) {
    int letter = b->letters - (b->begin[MARKS] - five);
    return b->owner[REACH + letter];
}

/* Tells of the n-grams that have a weight in the order of the text: those of a word's letters, then
 * those that end with the word. */
static void list(Block *b) {
    int five = b->begin[FIVES], mark = 0;
    int64_t first = b->s->words - b->words;
    if (!has_room(b->listing)) return;
    for (int word = 0; word < b->words; word++) {
        for (; five < b->begin[MARKS] && ends_in(b, five) == b->base + word; five++)
            tell(b, FIVES, five);
        tell(b, ONE, word);
        if (mark < b->marks && b->marked[mark] == word) tell(b, MARKS, b->begin[MARKS] + mark++);
        for (int kind = TWO; kind < KINDS; kind++) {
            int64_t from = first < looks_back[kind] ? looks_back[kind] - first : 0;
            if (word >= from) tell(b, kind, b->begin[kind] + word - (int)from);
        }
    }
    for (; five < b->begin[MARKS]; five++) tell(b, FIVES, five); /* of the word in the making */
}

/* -- look-ups, without a branch that depends on what is found: such branches cannot be foretold */

/* Keeps of some n-grams those that the table has room for, mixed, behind `hits` others. */
static int keep_narrow(Block *b, int from, int to, int hits) {
    for (int i = from; i < to; i++) b->gram[i] = mix(b->gram[i]);
    for (int i = from; i < to; i++) {
        uint32_t place = b->gram[i] >> 12;
        b->gram[hits] = b->gram[i];
        b->of[hits] = b->of[i];
        hits += b->present[place >> 3] >> (place & 7) & 1;
    }
    return hits;
}

/* Adds the weights of the block's n-grams to their words. */
static void look_up_narrow(Block *b) {
    const uint8_t *at[GRAMS];
    int words = keep_narrow(b, 0, b->words, 0);
    int hits = keep_narrow(b, b->begin[FIVES], b->size, words);
    for (int i = 0; i < hits; i++) {
        uint32_t place = b->gram[i] >> 12;
        uint32_t below = four(b->present + (place >> 5) * 4) & ((1u << (place & 31)) - 1);
        at[i] = b->entries + (size_t)(b->ranks[place >> 5] + ones(below)) * 4;
        PREFETCH(at[i]);
    }
    for (int i = 0; i < hits; i++) {
        int64_t is_it = is_of(at[i], b->gram[i]);
        b->added[i % TURNS][b->of[i]] += (int32_t)-is_it & (int8_t)at[i][b->s->side];
        b->s->known += is_it & (i < words);
    }
}

#if CAN_BE_WIDE
/* For each set of eight lanes those that are in it, in order. */
static uint8_t chosen[1 << LANES][LANES];
/* As many lanes as are asked for: they begin LANES less that number behind the first. */
static const int32_t lanes[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};

static void choose_lanes(void) {
    for (int set = 0; set < 1 << LANES; set++)
        for (int lane = 0, at = 0; lane < LANES; lane++)
            if (set >> lane & 1) chosen[set][at++] = (uint8_t)lane;
}

WIDE static inline __m256i first_lanes(int count) {
    return _mm256_loadu_si256((const __m256i *)(lanes + LANES - (count < LANES ? count : LANES)));
}

WIDE static inline __m256i mix_eight(__m256i gram) {
    gram = _mm256_xor_si256(gram, _mm256_srli_epi32(gram, 16));
    gram = _mm256_mullo_epi32(gram, _mm256_set1_epi32(0x7FEB352D));
    gram = _mm256_xor_si256(gram, _mm256_srli_epi32(gram, 15));
    gram = _mm256_mullo_epi32(gram, _mm256_set1_epi32((int32_t)0x846CA68Bu));
    return _mm256_xor_si256(gram, _mm256_srli_epi32(gram, 16));
}

/* As `keep_narrow`; also keeps the part of `present` that tells of each. */
WIDE static inline int keep_wide(Block *b, uint32_t *parts, int from, int to, int hits) {
    const __m256i last = _mm256_set1_epi32(31);
    for (int i = from; i < to; i += LANES) {
        __m256i spread = mix_eight(eight(b->gram + i));
        __m256i bits = _mm256_i32gather_epi32(
            (const int *)b->present, _mm256_srli_epi32(spread, 17), 4);
        __m256i up = _mm256_andnot_si256(_mm256_srli_epi32(spread, 12), last);
        unsigned set = (unsigned)_mm256_movemask_ps(
            _mm256_castsi256_ps(_mm256_sllv_epi32(bits, up)));
        if (to - i < LANES) set &= (1u << (to - i)) - 1;
        __m128i order = _mm_loadl_epi64((const __m128i *)chosen[set]);
        __m128i of = _mm_loadl_epi64((const __m128i *)(b->of + i));
        __m256i wide_order = _mm256_cvtepu8_epi32(order);
        spread = _mm256_permutevar8x32_epi32(spread, wide_order);
        bits = _mm256_permutevar8x32_epi32(bits, wide_order);
        /* What is written over was read before: no more is kept than was looked at. */
        _mm256_storeu_si256((__m256i *)(b->gram + hits), spread);
        _mm256_storeu_si256((__m256i *)(parts + hits), bits);
        _mm_storel_epi64((__m128i *)(b->of + hits), _mm_shuffle_epi8(of, order));
        hits += __builtin_popcount(set);
    }
    return hits;
}

/* How many bits of each lane are set. */
WIDE static inline __m256i ones_of_eight(__m256i bits) {
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i ones_of_half = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    __m256i low = _mm256_shuffle_epi8(ones_of_half, _mm256_and_si256(bits, half));
    __m256i high = _mm256_shuffle_epi8(
        ones_of_half, _mm256_and_si256(_mm256_srli_epi32(bits, 4), half));
    __m256i pairs = _mm256_maddubs_epi16(_mm256_add_epi8(low, high), _mm256_set1_epi8(1));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* The entries of some n-grams that the table has room for; zero for other lanes. */
WIDE static inline __m256i entries_of(
    const Block *b, __m256i spread, __m256i bits, __m256i some
) {
    __m256i block = _mm256_srli_epi32(spread, 17);
    __m256i bit = _mm256_and_si256(_mm256_srli_epi32(spread, 12), _mm256_set1_epi32(31));
    __m256i above = _mm256_sllv_epi32(_mm256_set1_epi32(-1), bit);
    __m256i rank = _mm256_add_epi32(
        _mm256_i32gather_epi32((const int *)b->ranks, block, 4),
        ones_of_eight(_mm256_andnot_si256(above, bits)));
    return _mm256_mask_i32gather_epi32(
        _mm256_setzero_si256(), (const int *)b->entries, rank, some, 4);
}

WIDE static void look_up_wide(Block *b) {
    uint32_t parts[GRAMS + LANES];
    int words = keep_wide(b, parts, 0, b->words, 0);
    int hits = keep_wide(b, parts, b->begin[FIVES], b->size, words);
    const __m128i up = _mm_cvtsi32_si128(24 - 8 * b->s->side);
    const __m256i low = _mm256_set1_epi32(0xFFFF);
    memset(b->of + hits, 0, LANES);
    for (int i = 0; i < hits; i += LANES) {
        int32_t weights[LANES];
        __m256i spread = eight(b->gram + i), some = first_lanes(hits - i);
        __m256i entry = entries_of(b, spread, eight(parts + i), some);
        __m256i differs = _mm256_and_si256(_mm256_xor_si256(entry, spread), low);
        __m256i is_it = _mm256_and_si256(
            _mm256_cmpeq_epi32(differs, _mm256_setzero_si256()), some);
        __m256i weight = _mm256_srai_epi32(_mm256_sll_epi32(entry, up), 24);
        _mm256_storeu_si256((__m256i *)weights, _mm256_and_si256(weight, is_it));
        for (int lane = 0; lane < LANES; lane++)
            b->added[lane % TURNS][b->of[i + lane]] += weights[lane];
        if (i < words)
            b->s->known += __builtin_popcount((unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(
                _mm256_and_si256(is_it, first_lanes(words - i)))));
    }
}
#endif

/* -- sums */

/* Words that no later n-gram can begin in are final. */
static void settle(Block *b) {
    Sweep *s = b->s;
    int done = (int)(s->words - REACH - s->settled);
    for (int i = 0; i <= b->base + b->words; i++)
        for (int turn = 0; turn < TURNS; turn++) b->sums[i] += b->added[turn][i];
    memset(b->added, 0, sizeof b->added);
    for (int i = 0; i < done; i++) {
        int64_t word = s->settled + i, sum = bounded(b->sums[i]);
        s->ring[word & (RING - 1)] = (int32_t)sum;
        s->sum += sum;
        for (int w = 0; w < WIDTHS; w++) widen(&s->width[w], s->ring, word, widths[w], sum);
    }
    if (done > 0) {
        s->settled += done;
        /* What is left are the newest words, and the one in the making. */
        memmove(b->sums, b->sums + done, (REACH + 1) * sizeof *b->sums);
        memset(b->sums + REACH + 1, 0, sizeof b->sums - (REACH + 1) * sizeof *b->sums);
        for (int i = 0; i < REACH; i++) b->owner[b->letters + i] -= (uint8_t)done;
    }
}

/* Empties the block; what later n-grams are made of stays before it. */
static void empty(Block *b) {
    memmove(b->value, b->value + b->letters, REACH * sizeof *b->value);
    memmove(b->owner, b->owner + b->letters, REACH);
    memmove(b->word, b->word + b->words, BEFORE * sizeof *b->word);
    b->stem[0] = b->stem[b->words];
    b->s->chars += b->letters;
    b->letters = b->words = b->marks = 0;
    b->base = (int)(b->s->words - b->s->settled);
}

static void flush_narrow(Block *b) {
    make_grams(b);
    if (b->listing != NULL) list(b);
    look_up_narrow(b);
}

#if CAN_BE_WIDE
WIDE static void flush_wide(Block *b) {
    make_grams(b);
    if (b->listing != NULL) list(b);
    look_up_wide(b);
}
#else
static void flush_wide(Block *b) { flush_narrow(b); }
static void choose_lanes(void) {}
#endif

/* What is the same for every block. */
static void prepare(void) {
    for (int i = 0; i < PLACES; i++) places[i] = (uint8_t)i;
    choose_lanes();
}

/* Before the first word of a text stands none that it could be set apart from. */
static void drop_first_mark(Block *b) {
    b->marks--;
    memmove(b->mark, b->mark + 1, (size_t)b->marks * sizeof *b->mark);
    memmove(b->marked, b->marked + 1, (size_t)b->marks);
}

/* Looks up what is in the block and makes it empty. */
static void flush(Block *b) {
    if (b->s->words == 0 && b->marks && b->marked[0] == 0) drop_first_mark(b);
    b->s->words += b->words;
    if (is_wide)
        flush_wide(b);
    else
        flush_narrow(b);
    settle(b);
    empty(b);
}

#endif
