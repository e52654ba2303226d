// The keys are those of the flags: --redis.timeout is `timeout` of a cluster, --redis.tls-ca-file
// is `ca_file` of its `tls`, --web.telemetry-path is `telemetry_path` of `web`. So a flag needs no
// row of its own here.
#include "config/config_file.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "config/arguments.h"

enum {
    FILE_MAX = 1024 * 1024,
    KEY_SIZE = 64,
    FIELDS_MAX = FLAGS_MAX + COLLECTOR_COUNT,
};

struct loader {
    const struct config_file *file;
    struct options *out;
    struct given *given;
    struct span directory; // of the file, with the slash
    int cluster;           // that is wanted
    char key[FLAGS_MAX][KEY_SIZE];
};

// What the reader of a field gets: the record of fields is an array of these.
struct slot {
    struct loader *loader;
    size_t flag;
    enum collector collector;
};

struct fields {
    struct yml_field field[FIELDS_MAX];
    struct slot slot[FIELDS_MAX];
    size_t count;
};

static struct slot *add_field(struct fields *fields, struct loader *loader, const char *key,
                              void (*read)(struct yml *, const struct yml_node *, void *))
{
    struct slot *slot = &fields->slot[fields->count];
    CHECK(fields->count < FIELDS_MAX);
    slot->loader = loader;
    fields->field[fields->count] = (struct yml_field){
        key, read, offsetof(struct fields, slot) + fields->count * sizeof(fields->slot[0])};
    fields->count++;
    return slot;
}

static void read_fields(struct yml *yaml, const struct yml_node *map, struct fields *fields)
{
    yml_fields(yaml, map, fields->field, fields->count, fields);
}

// --- which key is which flag ---

static const char *const program_sections[] = {"web", "log", "metrics", "scrape"};
static const char *const cluster_sections[] = {"tls", "expect"};

static bool is_in(struct span word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (span_is(word, words[i])) {
            return true;
        }
    }
    return false;
}

// Gives the section, "" for those of a cluster itself, and the rest of the name. False for flags
// that the file cannot set.
static bool split_name(const struct flag *flag, struct span *out_section, struct span *out_rest)
{
    static const char *const elsewhere[] = {"redis.addr", "redis.cluster-name", "redis.password",
                                            "collector.disable-defaults", "config.file"};
    static const char *const plain[] = {"redis", "cluster"};
    struct span name = span_of(flag->name);
    struct span section = SPAN("");
    struct span tls = SPAN("tls-");
    if (flag->variable == NULL ||
        is_in(name, elsewhere, sizeof(elsewhere) / sizeof(elsewhere[0]))) {
        return false;
    }
    bool has_section = span_split(name, '.', &section, out_rest);
    *out_rest = has_section ? *out_rest : name;
    *out_section = has_section && !is_in(section, plain, 2) ? section : SPAN("");
    if (out_section->length == 0 && span_starts(*out_rest, tls)) {
        *out_rest = span_skip(*out_rest, tls.length);
        *out_section = SPAN("tls");
    }
    return true;
}

static const char *key_of(struct loader *loader, size_t flag, struct span rest)
{
    char *key = loader->key[flag];
    CHECK(span_copy(rest, key, KEY_SIZE));
    for (char *c = key; *c != '\0'; c++) {
        *c = (char)(*c == '-' || *c == '.' ? '_' : *c);
    }
    return key;
}

// --- values ---

static bool begin_flag(const struct slot *slot)
{
    enum giver *by = &slot->loader->given->by[slot->flag];
    bool free = *by == GIVEN_BY_NOBODY;
    *by = free ? GIVEN_BY_FILE : *by;
    return free;
}

static void set_value(struct yml *yaml, const struct yml_node *at, const struct slot *slot,
                      const char *value)
{
    const struct flag *flag = &flags[slot->flag];
    const char *problem = flag->set(slot->loader->out, flag->offset, value);
    if (problem != NULL) {
        yml_fail(yaml, at, "%s%s%s", at->key.length == 0 ? slot->loader->key[slot->flag] : "",
                 at->key.length == 0 ? ": " : "", problem);
    }
}

static bool is_path(const struct flag *flag)
{
    return flag->argument != NULL && strcmp(flag->argument, "FILE") == 0;
}

// A relative path is relative to the file that names it.
static char *take_value(struct yml *yaml, const struct yml_node *value, const struct slot *slot)
{
    char *text = NULL;
    yml_take_text(yaml, value, &text);
    if (text != NULL && is_path(&flags[slot->flag]) && text[0] != '/') {
        struct buf path = BUF_EMPTY;
        buf_span(&path, slot->loader->directory);
        buf_text(&path, text);
        free(text);
        text = buf_take(&path);
    }
    return text;
}

static void note_password_source(const struct slot *slot, const struct yml_node *value)
{
    struct options *out = slot->loader->out;
    struct buf text = BUF_EMPTY;
    if (strcmp(flags[slot->flag].name, "redis.password-file") == 0) {
        free(out->password_source);
        buf_format(&text, "%s:%zu: password_file", slot->loader->file->path, value->line);
        out->password_source = buf_take(&text);
    }
}

static void read_one(struct yml *yaml, const struct yml_node *value, const struct slot *slot)
{
    char *text = take_value(yaml, value, slot);
    if (text != NULL && text[0] == '\0') {
        yml_fail(yaml, value, "must not be empty");
    } else if (text != NULL) {
        set_value(yaml, value, slot, text);
    }
    free(text);
}

static void read_switch(struct yml *yaml, const struct yml_node *value, const struct slot *slot)
{
    bool on = false;
    yml_take_switch(yaml, value, &on);
    set_value(yaml, value, slot, on ? "true" : "false");
}

static void read_flag(struct yml *yaml, const struct yml_node *value, void *target)
{
    const struct slot *slot = target;
    const struct flag *flag = &flags[slot->flag];
    struct options ignored = {.collectors = 0};
    struct options *out = slot->loader->out;
    // What is said elsewhere beats it; it has to be right all the same.
    bool free = begin_flag(slot);
    slot->loader->out = free ? out : &ignored;
    if (flag->argument == NULL) {
        read_switch(yaml, value, slot);
    } else if (value->kind == YML_LIST && flag_takes_lists(flag)) {
        for (const struct yml_node *item = value->child; item != NULL; item = item->next) {
            read_one(yaml, item, slot);
        }
    } else {
        note_password_source(slot, value);
        read_one(yaml, value, slot);
    }
    slot->loader->out = out;
    options_clear(&ignored);
}

// --- sections ---

static void add_flags(struct fields *fields, struct loader *loader, const char *wanted)
{
    for (size_t i = 0; i < flag_count; i++) {
        struct span section;
        struct span rest;
        if (split_name(&flags[i], &section, &rest) && span_is(section, wanted)) {
            add_field(fields, loader, key_of(loader, i, rest), read_flag)->flag = i;
        }
    }
}

static void read_section(struct yml *yaml, const struct yml_node *value, void *target)
{
    const struct slot *slot = target;
    struct fields fields = {.count = 0};
    char section[KEY_SIZE];
    if (yml_expect(yaml, value, YML_MAP) && span_copy(value->key, section, sizeof(section))) {
        add_flags(&fields, slot->loader, section);
        read_fields(yaml, value, &fields);
    }
}

static void add_sections(struct fields *fields, struct loader *loader, const char *const *names,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_field(fields, loader, names[i], read_section);
    }
}

// --- collectors ---

static void read_collector(struct yml *yaml, const struct yml_node *value, void *target)
{
    const struct slot *slot = target;
    struct options *out = slot->loader->out;
    bool on = false;
    yml_take_switch(yaml, value, &on);
    if (!(out->chosen & collector_bit(slot->collector))) {
        options_choose_collector(out, slot->collector, on);
    }
}

static void read_collectors(struct yml *yaml, const struct yml_node *value, void *target)
{
    const struct slot *slot = target;
    struct fields fields = {.count = 0};
    if (!yml_expect(yaml, value, YML_MAP)) {
        return;
    }
    for (int i = COLLECTOR_BASE + 1; i < COLLECTOR_COUNT; i++) {
        add_field(&fields, slot->loader, collectors[i].name, read_collector)->collector =
            (enum collector)i;
    }
    add_field(&fields, slot->loader, "disable_defaults", read_flag)->flag =
        flag_index("collector.disable-defaults");
    read_fields(yaml, value, &fields);
}

// --- clusters ---

static void check_seed(struct yml *yaml, const struct yml_node *item, struct buf *addresses)
{
    struct seed seed;
    if (!yml_expect(yaml, item, YML_TEXT)) {
        return;
    }
    const char *problem = seed_parse(item->text, &seed);
    if (problem != NULL) {
        yml_fail(yaml, item, "%s%s", item->key.length == 0 ? "seeds: " : "", problem);
        return;
    }
    seed_clear(&seed);
    buf_text(addresses, addresses->length > 0 ? "," : "");
    buf_span(addresses, item->text);
}

static void read_seeds(struct yml *yaml, const struct yml_node *value, void *target)
{
    const struct slot *slot = target;
    struct buf addresses = BUF_EMPTY;
    if (value->kind == YML_LIST) {
        for (const struct yml_node *item = value->child; item != NULL; item = item->next) {
            check_seed(yaml, item, &addresses);
        }
    } else {
        check_seed(yaml, value, &addresses);
    }
    if (addresses.length == 0) {
        yml_fail(yaml, value, "must name at least one address");
    }
    buf_char(&addresses, '\0');
    flag_set_text(slot->loader->out, offsetof(struct options, redis_addr), addresses.data);
    slot->loader->given->by[flag_index("redis.addr")] = GIVEN_BY_FILE;
    buf_wipe(&addresses);
}

static void add_cluster_fields(struct fields *fields, struct loader *loader)
{
    add_flags(fields, loader, "");
    add_sections(fields, loader, cluster_sections,
                 sizeof(cluster_sections) / sizeof(cluster_sections[0]));
    add_field(fields, loader, "collectors", read_collectors);
}

static const struct yml_node *find_entry(const struct yml_node *map, const char *key)
{
    const struct yml_node *entry = map != NULL && map->kind == YML_MAP ? map->child : NULL;
    while (entry != NULL && !span_is(entry->key, key)) {
        entry = entry->next;
    }
    return entry;
}

static void read_cluster(struct yml *yaml, const struct yml_node *map, struct loader *loader)
{
    struct fields fields = {.count = 0};
    struct buf place = BUF_EMPTY;
    if (!yml_expect(yaml, map, YML_MAP)) {
        return;
    }
    buf_format(&place, "%s:%zu", loader->file->path, map->line);
    loader->out->place = buf_take(&place);
    add_field(&fields, loader, "name", read_flag)->flag = flag_index("redis.cluster-name");
    add_field(&fields, loader, "seeds", read_seeds);
    add_cluster_fields(&fields, loader);
    read_fields(yaml, map, &fields);
    if (find_entry(map, "seeds") == NULL) {
        yml_fail(yaml, map, "seeds are missing: the addresses of one or more nodes");
    }
}

static void read_clusters(struct yml *yaml, const struct yml_node *value, void *target)
{
    const struct slot *slot = target;
    if (!yml_expect(yaml, value, YML_LIST)) {
        return;
    }
    if (value->child == NULL) {
        yml_fail(yaml, value, "must name at least one cluster");
    }
    (void)slot; // the one that is wanted was read before
}

static void read_defaults(struct yml *yaml, const struct yml_node *value, void *target)
{
    const struct slot *slot = target;
    struct fields fields = {.count = 0};
    if (yml_expect(yaml, value, YML_MAP)) {
        add_cluster_fields(&fields, slot->loader);
        read_fields(yaml, value, &fields);
    }
}

static const struct yml_node *find_cluster(const struct yml_node *root, int number)
{
    const struct yml_node *clusters = find_entry(root, "clusters");
    const struct yml_node *map =
        clusters != NULL && clusters->kind == YML_LIST ? clusters->child : NULL;
    while (map != NULL && number-- > 0) {
        map = map->next;
    }
    return map;
}

// Nobody shall be sent what was meant for another: where the file says who to log in as, flags and
// variables do not.
static void drop_foreign_login(const struct yml_node *root, const struct yml_node *cluster,
                               struct loader *loader)
{
    static const char *const keys[] = {"user", "password_file"};
    static const char *const flags_of_login[] = {"redis.user", "redis.password-file",
                                                 "redis.password"};
    const struct yml_node *defaults = find_entry(root, "defaults");
    bool own = false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        own = own || find_entry(cluster, keys[i]) != NULL || find_entry(defaults, keys[i]) != NULL;
    }
    for (size_t i = 0; own && i < sizeof(flags_of_login) / sizeof(flags_of_login[0]); i++) {
        size_t index = flag_index(flags_of_login[i]);
        char **text = (char **)(void *)((char *)loader->out + flags[index].offset);
        if (*text != NULL) {
            explicit_bzero(*text, strlen(*text));
        }
        free(*text);
        *text = NULL;
        loader->given->by[index] = GIVEN_BY_NOBODY;
    }
}

static struct span directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return span_make(path, slash != NULL ? (size_t)(slash + 1 - path) : 0);
}

char *config_file_apply(const struct config_file *file, int cluster, struct options *out,
                        struct given *given)
{
    struct loader *loader = mem_new(1, sizeof(*loader));
    struct fields fields = {.count = 0};
    struct yml *yaml = yml_parse(file->path, buf_view(&file->text));
    const struct yml_node *root = yml_root(yaml);
    loader->file = file;
    loader->out = out;
    loader->given = given;
    loader->directory = directory_of(file->path);
    if (cluster != NO_CLUSTER) {
        const struct yml_node *map = find_cluster(root, cluster);
        drop_foreign_login(root, map, loader);
        read_cluster(yaml, map, loader);
    }
    add_sections(&fields, loader, program_sections,
                 sizeof(program_sections) / sizeof(program_sections[0]));
    add_field(&fields, loader, "defaults", read_defaults);
    add_field(&fields, loader, "clusters", read_clusters);
    if (root->kind != YML_NOTHING && yml_expect(yaml, root, YML_MAP)) {
        read_fields(yaml, root, &fields);
    }
    const char *problem = yml_problem(yaml);
    char *line = problem != NULL ? mem_copy(problem, strlen(problem)) : NULL;
    yml_free(yaml);
    free(loader);
    return line;
}

char *config_file_parse(const char *path, struct span text, struct config_file *out)
{
    struct yml *yaml = yml_parse(path, text);
    const struct yml_node *clusters = find_entry(yml_root(yaml), "clusters");
    const char *problem = yml_problem(yaml);
    char *line = problem != NULL ? mem_copy(problem, strlen(problem)) : NULL;
    *out = (struct config_file){.path = mem_copy(path, strlen(path))};
    buf_span(&out->text, text);
    out->names_clusters = clusters != NULL && clusters->kind != YML_NOTHING;
    while (find_cluster(yml_root(yaml), out->cluster_count) != NULL) {
        out->cluster_count++;
    }
    yml_free(yaml);
    return line;
}

char *config_file_read(const char *path, struct config_file *out)
{
    struct buf text = BUF_EMPTY;
    struct buf problem = BUF_EMPTY;
    const char *reason = file_read(path, FILE_MAX, &text, NULL);
    if (reason != NULL) {
        *out = (struct config_file){.path = mem_copy(path, strlen(path))};
        buf_format(&problem, "%s: %s", path, reason);
    }
    char *line =
        reason != NULL ? buf_take(&problem) : config_file_parse(path, buf_view(&text), out);
    buf_wipe(&text);
    return line;
}

void config_file_clear(struct config_file *file)
{
    free(file->path);
    buf_wipe(&file->text);
    *file = (struct config_file){.path = NULL};
}
