// Rules on the first line, an address in each of the others.
#include "fuzz.h"
#include "redis/address_map.h"

static void check_result(const struct address *address)
{
    CHECK(address->port != 0 && address->host[0] != '\0');
    CHECK(memchr(address->host, '\0', ADDRESS_HOST_SIZE) != NULL);
    CHECK(address_is_host(span_of(address->host)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address_map map = {.count = 0};
    struct span rest = fuzz_text(data, size);
    struct span line = {"", 0};
    struct address address;
    span_cut(&rest, '\n', &line);
    if (address_map_add(&map, line) == NULL) {
        while (span_cut(&rest, '\n', &line)) {
            if (address_parse(line, 6379, &address)) {
                address_map_apply(&map, &address, &address);
                check_result(&address);
            }
        }
    }
    address_map_clear(&map);
    return 0;
}
