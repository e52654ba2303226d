// INFO modules as each module shapes it: what is told by both dialects. The replies are made by
// hand; fields that are no numbers stand between the others.
#include "metrics/page.h"
#include "metrics/sample.h"
#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

// Takes the next line of the page, and gives what stands behind its last blank.
static struct span next_line(struct span *page, struct span *out_last)
{
    struct span line;
    assert_true(span_cut(page, '\n', &line));
    assert_true(span_split_last(line, ' ', &line, out_last));
    return line;
}

// "name type value", from a row's part of the page: HELP, TYPE, sample.
static void add_row(struct buf *out, const struct metric *row, struct span value,
                    enum dialect dialect)
{
    struct buf page = BUF_EMPTY;
    struct emitter to = page_begin(&page, PAGE_TEXT, dialect);
    struct span type;
    struct span number;
    assert_true(page_metric(&to, row));
    emit_text(&to, NULL, 0, value);
    assert_int_equal(to.samples, 1);
    struct span rest = buf_view(&page);
    next_line(&rest, &type);
    next_line(&rest, &type);
    buf_span(out, next_line(&rest, &number));
    buf_format(out, " %.*s ", (int)type.length, type.at);
    buf_span(out, number);
    buf_char(out, '\n');
    buf_free(&page);
}

static void check_modules(const char *reply, enum dialect dialect, const char *expected)
{
    struct buf out = BUF_EMPTY;
    struct samples *samples = samples_new();
    samples_read(samples, FROM_INFO, guarded_text(reply));
    for (size_t i = 0; i < reply_metric_count; i++) {
        const struct metric *row = &reply_metrics[i];
        if (row->group == GROUP_NONE && samples_value(samples, row).length > 0) {
            assert_int_equal(row->collector, COLLECTOR_MODULES);
            add_row(&out, row, samples_value(samples, row), dialect);
        }
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
    samples_free(samples);
}

static const char *const stack_reply =
    "# Modules\r\n"
    "module:name=search,ver=21005,api=1,filters=0,usedby=[],using=[ReJSON],options=[]\r\n\r\n"
    "# search_version\r\nsearch_version:2.10.5\r\nsearch_redis_version:7.4.0 - oss\r\n\r\n"
    "# search_index\r\nsearch_number_of_indexes:2\r\n\r\n"
    "# search_fields_statistics\r\nsearch_fields_text:Text=3,Sortable=1,IndexErrors=0\r\n\r\n"
    "# search_dialect_statistics\r\nsearch_dialect_1:1\r\nsearch_dialect_2:0\r\n"
    "search_dialect_3:0\r\nsearch_dialect_4:1\r\n\r\n"
    "# search_memory\r\nsearch_used_memory_indexes:4096\r\n"
    "search_used_memory_indexes_human:0.00390625\r\nsearch_total_indexing_time:1.5\r\n\r\n"
    "# search_cursors\r\nsearch_global_idle:1\r\nsearch_global_total:3\r\n\r\n"
    "# search_gc\r\nsearch_bytes_collected:-120\r\nsearch_total_cycles:7\r\n"
    "search_total_ms_run:2500\r\n\r\n"
    "# search_runtime_configurations\r\nsearch_enableGC:ON\r\nsearch_timeout_policy:return\r\n";

static void redis_stack_tells_its_search_in_both_dialects(void **state)
{
    (void)state;
    check_modules(stack_reply, DIALECT_NATIVE,
                  "redis_search_number_of_indexes gauge 2\n"
                  "redis_search_used_memory_indexes_bytes gauge 4096\n"
                  "redis_search_dialect_1 gauge 1\n"
                  "redis_search_dialect_2 gauge 0\n"
                  "redis_search_dialect_3 gauge 0\n"
                  "redis_search_dialect_4 gauge 1\n"
                  "redis_search_indexing_seconds_total counter 0.0015\n"
                  "redis_search_global_idle gauge 1\n"
                  "redis_search_global_cursors gauge 3\n"
                  "redis_search_collected_bytes gauge -120\n"
                  "redis_search_cycles_total counter 7\n"
                  "redis_search_run_seconds_total counter 2.5\n");
    check_modules(stack_reply, DIALECT_RX,
                  "redis_search_number_of_indexes gauge 2\n"
                  "redis_search_used_memory_indexes_bytes gauge 4096\n"
                  "redis_search_dialect_1 gauge 1\n"
                  "redis_search_dialect_2 gauge 0\n"
                  "redis_search_dialect_3 gauge 0\n"
                  "redis_search_dialect_4 gauge 1\n"
                  "redis_search_indexing_time_ms_total counter 1.5\n"
                  "redis_search_global_idle gauge 1\n"
                  "redis_search_global_total gauge 3\n"
                  "redis_search_collected_bytes gauge -120\n"
                  "redis_search_cycles_total counter 7\n"
                  "redis_search_run_ms_total counter 2500\n");
}

static const char *const redis8_reply =
    "# search_indexes\r\nsearch_number_of_indexes:5\r\nsearch_number_of_active_indexes:4\r\n"
    "search_number_of_active_indexes_running_queries:3\r\n"
    "search_number_of_active_indexes_indexing:2\r\nsearch_total_active_write_threads:1\r\n"
    "search_total_indexing_time:0.25\r\nsearch_total_num_docs_in_indexes:1000\r\n\r\n"
    "# search_memory\r\nsearch_smallest_memory_index:10\r\n"
    "search_smallest_memory_index_human:0.00001\r\nsearch_largest_memory_index:30\r\n"
    "search_used_memory_vector_index:20\r\n\r\n"
    "# search_cursors\r\nsearch_global_idle_user:1\r\nsearch_global_idle_internal:2\r\n"
    "search_global_total_user:3\r\nsearch_global_total_internal:4\r\n\r\n"
    "# search_garbage_collector\r\nsearch_gc_bytes_collected:500\r\nsearch_gc_total_cycles:6\r\n"
    "search_gc_total_ms_run:1250\r\nsearch_gc_total_docs_not_collected:7\r\n"
    "search_gc_marked_deleted_vectors:8\r\n\r\n"
    "# search_queries\r\nsearch_total_queries_processed:90\r\nsearch_total_query_commands:99\r\n"
    "search_total_query_execution_time_ms:125\r\nsearch_total_active_queries:2\r\n\r\n"
    "# search_warnings_and_errors\r\nsearch_errors_indexing_failures:11\r\n"
    "search_errors_for_index_with_max_failures:9\r\n";

static void redis_8_tells_its_search_in_both_dialects(void **state)
{
    (void)state;
    check_modules(redis8_reply, DIALECT_NATIVE,
                  "redis_search_number_of_indexes gauge 5\n"
                  "redis_search_indexing_seconds_total counter 0.00025\n"
                  "redis_search_number_of_active_indexes gauge 4\n"
                  "redis_search_number_of_active_indexes_running_queries gauge 3\n"
                  "redis_search_number_of_active_indexes_indexing gauge 2\n"
                  "redis_search_total_active_write_threads gauge 1\n"
                  "redis_search_total_num_docs_in_indexes gauge 1000\n"
                  "redis_search_smallest_memory_index_bytes gauge 10\n"
                  "redis_search_largest_memory_index_bytes gauge 30\n"
                  "redis_search_used_memory_vector_index_bytes gauge 20\n"
                  "redis_search_global_idle_user gauge 1\n"
                  "redis_search_global_idle_internal gauge 2\n"
                  "redis_search_global_total_user gauge 3\n"
                  "redis_search_global_total_internal gauge 4\n"
                  "redis_search_gc_collected_bytes gauge 500\n"
                  "redis_search_gc_cycles_total counter 6\n"
                  "redis_search_gc_run_seconds_total counter 1.25\n"
                  "redis_search_gc_total_docs_not_collected gauge 7\n"
                  "redis_search_gc_marked_deleted_vectors gauge 8\n"
                  "redis_search_errors_indexing_failures gauge 11\n"
                  "redis_search_queries_processed_total counter 90\n"
                  "redis_search_query_commands_total counter 99\n"
                  "redis_search_query_execution_seconds_total counter 0.125\n"
                  "redis_search_active_queries gauge 2\n");
    check_modules("search_gc_total_ms_run:1250\r\nsearch_total_query_execution_time_ms:125\r\n"
                  "search_total_active_queries:2\r\n",
                  DIALECT_RX,
                  "redis_search_gc_run_ms_total counter 1250\n"
                  "redis_search_query_execution_time_ms_total counter 125\n"
                  "redis_search_active_queries_total counter 2\n");
}

static const char *const valkey_search_reply =
    "# search_index_stats\r\nsearch_number_of_attributes:4\r\nsearch_number_of_indexes:1\r\n"
    "search_total_indexed_documents:300\r\n\r\n"
    "# search_indexing\r\nsearch_background_indexing_status:NO_ACTIVITY\r\n\r\n"
    "# search_memory\r\nsearch_used_memory_bytes:8192\r\nsearch_used_memory_human:8.00KiB\r\n\r\n"
    "# search_thread-pool\r\nsearch_query_queue_size:1\r\nsearch_writer_queue_size:2\r\n"
    "search_worker_pool_suspend_cnt:3\r\nsearch_writer_resumed_cnt:4\r\n"
    "search_reader_resumed_cnt:5\r\nsearch_writer_suspension_expired_cnt:6\r\n\r\n"
    "# search_rdb\r\nsearch_rdb_load_success_cnt:7\r\nsearch_rdb_load_failure_cnt:8\r\n"
    "search_rdb_save_success_cnt:9\r\nsearch_rdb_save_failure_cnt:10\r\n\r\n"
    "# search_query\r\nsearch_successful_requests_count:11\r\nsearch_failure_requests_count:12\r\n"
    "search_hybrid_requests_count:13\r\nsearch_inline_filtering_requests_count:14\r\n\r\n"
    "# search_hnswlib\r\nsearch_hnsw_add_exceptions_count:15\r\n"
    "search_hnsw_remove_exceptions_count:16\r\nsearch_hnsw_modify_exceptions_count:17\r\n"
    "search_hnsw_search_exceptions_count:18\r\nsearch_hnsw_create_exceptions_count:19\r\n\r\n"
    "# search_latency\r\nsearch_hnsw_vector_index_search_latency_usec:p50=1.0,p99=2.0\r\n\r\n"
    "# search_string_interning\r\nsearch_string_interning_store_size:20\r\n\r\n"
    "# search_vector_externing\r\nsearch_vector_externing_entry_count:21\r\n"
    "search_vector_externing_hash_extern_errors:22\r\n"
    "search_vector_externing_generated_value_cnt:23\r\n"
    "search_vector_externing_num_lru_entries:24\r\nsearch_vector_externing_lru_promote_cnt:25\r\n"
    "search_vector_externing_deferred_entry_cnt:26\r\n";

static void valkey_search_is_told_in_clean_names(void **state)
{
    (void)state;
    check_modules(valkey_search_reply, DIALECT_NATIVE,
                  "redis_search_number_of_indexes gauge 1\n"
                  "redis_search_used_memory_bytes gauge 8192\n"
                  "redis_search_number_of_attributes gauge 4\n"
                  "redis_search_total_indexed_documents gauge 300\n"
                  "redis_search_query_queue_size gauge 1\n"
                  "redis_search_writer_queue_size gauge 2\n"
                  "redis_search_worker_pool_suspend_total counter 3\n"
                  "redis_search_writer_resumed_total counter 4\n"
                  "redis_search_reader_resumed_total counter 5\n"
                  "redis_search_writer_suspension_expired_total counter 6\n"
                  "redis_search_rdb_load_success_total counter 7\n"
                  "redis_search_rdb_load_failure_total counter 8\n"
                  "redis_search_rdb_save_success_total counter 9\n"
                  "redis_search_rdb_save_failure_total counter 10\n"
                  "redis_search_successful_requests_total counter 11\n"
                  "redis_search_failure_requests_total counter 12\n"
                  "redis_search_hybrid_requests_total counter 13\n"
                  "redis_search_inline_filtering_requests_total counter 14\n"
                  "redis_search_hnsw_add_exceptions_total counter 15\n"
                  "redis_search_hnsw_remove_exceptions_total counter 16\n"
                  "redis_search_hnsw_modify_exceptions_total counter 17\n"
                  "redis_search_hnsw_search_exceptions_total counter 18\n"
                  "redis_search_hnsw_create_exceptions_total counter 19\n"
                  "redis_search_string_interning_store_size gauge 20\n"
                  "redis_search_vector_externing_entries gauge 21\n"
                  "redis_search_vector_externing_deferred_entries gauge 26\n"
                  "redis_search_vector_externing_hash_extern_errors_total counter 22\n"
                  "redis_search_vector_externing_generated_value_total counter 23\n"
                  "redis_search_vector_externing_num_lru_entries gauge 24\n"
                  "redis_search_vector_externing_lru_promote_total counter 25\n");
}

static void valkey_search_is_told_in_the_names_of_redis_exporter(void **state)
{
    (void)state;
    check_modules(valkey_search_reply, DIALECT_RX,
                  "redis_search_number_of_indexes gauge 1\n"
                  "redis_search_used_memory_bytes gauge 8192\n"
                  "redis_search_number_of_attributes gauge 4\n"
                  "redis_search_total_indexed_documents gauge 300\n"
                  "redis_search_query_queue_size gauge 1\n"
                  "redis_search_writer_queue_size gauge 2\n"
                  "redis_search_worker_pool_suspend_count counter 3\n"
                  "redis_search_writer_resumed_count counter 4\n"
                  "redis_search_reader_resumed_count counter 5\n"
                  "redis_search_writer_suspension_expired_count counter 6\n"
                  "redis_search_rdb_load_success_count counter 7\n"
                  "redis_search_rdb_load_failure_count counter 8\n"
                  "redis_search_rdb_save_success_count counter 9\n"
                  "redis_search_rdb_save_failure_count counter 10\n"
                  "redis_search_successful_requests_count counter 11\n"
                  "redis_search_failure_requests_count counter 12\n"
                  "redis_search_hybrid_requests_count counter 13\n"
                  "redis_search_inline_filtering_requests_count counter 14\n"
                  "redis_search_hnsw_add_exceptions_count counter 15\n"
                  "redis_search_hnsw_remove_exceptions_count counter 16\n"
                  "redis_search_hnsw_modify_exceptions_count counter 17\n"
                  "redis_search_hnsw_search_exceptions_count counter 18\n"
                  "redis_search_hnsw_create_exceptions_count counter 19\n"
                  "redis_search_string_interning_store_size gauge 20\n"
                  "redis_search_vector_externing_entry_count counter 21\n"
                  "redis_search_vector_externing_deferred_entry_count counter 26\n"
                  "redis_search_vector_externing_hash_extern_errors gauge 22\n"
                  "redis_search_vector_externing_generated_value_count counter 23\n"
                  "redis_search_vector_externing_num_lru_entries gauge 24\n"
                  "redis_search_vector_externing_lru_promote_count counter 25\n");
}

static void bloom_and_json_of_valkey_are_alike_in_both_dialects(void **state)
{
    static const char *const reply =
        "# bf_bloom_core_metrics\r\nbf_bloom_total_memory_bytes:100\r\nbf_bloom_num_objects:2\r\n"
        "bf_bloom_num_filters_across_objects:3\r\nbf_bloom_num_items_across_objects:40\r\n"
        "bf_bloom_capacity_across_objects:500\r\n\r\n# bf_bloom_defrag_metrics\r\n"
        "bf_bloom_defrag_hits:6\r\nbf_bloom_defrag_misses:7\r\n\r\n"
        "# json_core_metrics\r\njson_total_memory_bytes:800\r\njson_num_documents:9\r\n";
    static const char *const expected = "redis_bf_bloom_total_memory_bytes gauge 100\n"
                                        "redis_bf_bloom_num_objects gauge 2\n"
                                        "redis_bf_bloom_num_filters_across_objects gauge 3\n"
                                        "redis_bf_bloom_num_items_across_objects gauge 40\n"
                                        "redis_bf_bloom_capacity_across_objects gauge 500\n"
                                        "redis_bf_bloom_defrag_hits_total counter 6\n"
                                        "redis_bf_bloom_defrag_misses_total counter 7\n"
                                        "redis_json_total_memory_bytes gauge 800\n"
                                        "redis_json_num_documents gauge 9\n";
    (void)state;
    check_modules(reply, DIALECT_NATIVE, expected);
    check_modules(reply, DIALECT_RX, expected);
}

static void only_numbers_give_samples(void **state)
{
    (void)state;
    check_modules("search_number_of_indexes:many\r\nsearch_total_cycles:-1\r\n"
                  "search_global_idle:\r\nsearch_gc_total_ms_run:1.5ms\r\n"
                  "json_num_documents:nan\r\nsearch_dialect_1:1\r\n",
                  DIALECT_NATIVE, "redis_search_dialect_1 gauge 1\n");
}

static const struct metric *module_row(void)
{
    const struct metric *row = reply_metrics;
    while (row->group != GROUP_MODULE) {
        row++;
    }
    return row;
}

// INFO all has the list of modules as well: a module that is told twice is one.
static void each_module_has_a_line(void **state)
{
    static const char *const reply =
        "module:name=ReJSON,ver=20607,api=1,filters=0,usedby=[search],using=[],options=[a|b]\r\n"
        "module:name=search,ver=21005,api=1,filters=0,usedby=[],using=[ReJSON],options=[]\r\n"
        "module:ver=1\r\nmodule:\r\nmodules:name=other\r\n";
    struct samples *samples = samples_new();
    (void)state;
    samples_read(samples, FROM_INFO, guarded_text(reply));
    samples_read(samples, FROM_INFO, guarded_text(reply));
    assert_int_equal(samples->group[GROUP_MODULE].count, 2);
    assert_span(samples_labels(samples, GROUP_MODULE, 0)[0], "ReJSON");
    assert_span(samples_cell(samples, module_row(), 0),
                "name=ReJSON,ver=20607,api=1,filters=0,usedby=[search],using=[],options=[a|b]");
    assert_span(samples_labels(samples, GROUP_MODULE, 1)[0], "search");
    samples_free(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(redis_stack_tells_its_search_in_both_dialects, release),
        cmocka_unit_test_teardown(redis_8_tells_its_search_in_both_dialects, release),
        cmocka_unit_test_teardown(valkey_search_is_told_in_clean_names, release),
        cmocka_unit_test_teardown(valkey_search_is_told_in_the_names_of_redis_exporter, release),
        cmocka_unit_test_teardown(bloom_and_json_of_valkey_are_alike_in_both_dialects, release),
        cmocka_unit_test_teardown(only_numbers_give_samples, release),
        cmocka_unit_test_teardown(each_module_has_a_line, release),
    };
    return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
