#include "base/hash.h"

#include <sys/random.h>

#include "base/clock.h"

// Where there is no randomness yet, at boot, the time has to do.
static uint64_t make_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
        seed = (uint64_t)clock_wall_us();
    }
    return seed | 1;
}

static uint64_t mix(uint64_t a)
{
    a *= 0x9e3779b97f4a7c15u;
    return a ^ (a >> 32);
}

// Eight bytes at a time: ids are 40 bytes long, and there are many.
uint64_t hash_text(struct span text, uint64_t number)
{
    static uint64_t seed = 0;
    if (seed == 0) {
        seed = make_seed();
    }
    uint64_t hash = mix(seed ^ number);
    for (; text.length >= sizeof(uint64_t); text = span_skip(text, sizeof(uint64_t))) {
        uint64_t word;
        memcpy(&word, text.at, sizeof(word));
        hash = mix(hash ^ word) + seed;
    }
    uint64_t rest = text.length;
    for (size_t i = 0; i < text.length; i++) {
        rest = rest << 8 | (unsigned char)text.at[i];
    }
    return mix(mix(hash ^ rest) + seed);
}
