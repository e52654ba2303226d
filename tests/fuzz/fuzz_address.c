// Addresses and URLs of servers, as operators write them and as requests name targets.
#include <stdlib.h>

#include "fuzz.h"
#include "redis/address.h"

static void check_round_trip(const struct address *address)
{
    struct address again;
    struct buf text = BUF_EMPTY;
    CHECK(address->port != 0 && address->host[0] != '\0');
    CHECK(memchr(address->host, '\0', ADDRESS_HOST_SIZE) != NULL);
    address_add(&text, address->host, address->port);
    CHECK(address_parse(buf_view(&text), 0, &again) && address_equal(address, &again));
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = fuzz_text(data, size);
    struct address address;
    struct seed seed;
    if (address_parse(text, 0, &address)) {
        check_round_trip(&address);
    }
    if (seed_parse(text, &seed) == NULL) {
        check_round_trip(&seed.address);
        seed_clear(&seed);
    }
    return 0;
}
