// INFO and CLUSTER INFO: all that reads their lines.
#include "fuzz.h"
#include "metrics/sample.h"
#include "redis/cluster_info.h"
#include "redis/replication.h"
#include "redis/server_kind.h"

static void check_value(const struct metric *row, struct span value, struct span text)
{
    bool is_text = row->match != NULL || row->type == INFO;
    CHECK(fuzz_is_inside(value, text));
    CHECK(value.length == 0 || is_text || span_is_number(value));
    CHECK(value.length == 0 || is_text || row->type != COUNTER || value.at[0] != '-');
}

static void check_samples(struct samples *samples, struct span text)
{
    for (size_t i = 0; i < reply_metric_count; i++) {
        const struct metric *row = &reply_metrics[i];
        if (row->group == GROUP_NONE) {
            check_value(row, samples_value(samples, row), text);
            continue;
        }
        for (size_t line = 0; line < samples->group[row->group].count; line++) {
            const struct span *labels = samples_labels(samples, row->group, line);
            CHECK(samples_find_line(samples, row->group, labels) == labels); // no line twice
            check_value(row, samples_cell(samples, row, line), text);
        }
    }
}

static void check_replication(struct span text)
{
    struct replication replication = replication_parse(text);
    struct span rest = replication.text;
    struct replica_line replica;
    CHECK(fuzz_is_inside(replication.id, text) && fuzz_is_inside(replication.master_host, text));
    CHECK(fuzz_is_inside(replication.previous_id, text) &&
          fuzz_is_inside(replication.failover, text));
    while (replication_next(&rest, &replica)) {
        CHECK(fuzz_is_inside(replica.ip, text) && fuzz_is_inside(replica.state, text));
        CHECK(replica.offset >= -1 && replica.ack_age_s >= -1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = fuzz_text(data, size);
    for (enum source source = FROM_INFO; source <= FROM_CLUSTER_INFO; source++) {
        struct samples *samples = samples_new();
        samples_read(samples, source, text);
        check_samples(samples, text);
        samples_read(samples, source, text); // as a further part of INFO
        check_samples(samples, text);
        samples_free(samples);
    }
    check_replication(text);
    server_version(text);
    struct cluster_info info = cluster_info_parse(text);
    CHECK(cluster_info_agree(&info, &info));
    return 0;
}
