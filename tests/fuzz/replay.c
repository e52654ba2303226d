// Gives a target every input of its corpus, or the files named as arguments; reports in TAP.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"

static void replay_file(const char *path)
{
    struct buf text = BUF_EMPTY;
    size_t got = 1;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    while (got > 0) {
        got = fread(buf_reserve(&text, 4096), 1, 4096, file);
        text.length += got;
    }
    fclose(file);
    // In a block of just this size: a sanitizer sees who reads beyond it.
    uint8_t *data = mem_new(text.length, 1);
    if (text.length > 0) {
        memcpy(data, text.data, text.length);
    }
    LLVMFuzzerTestOneInput(data, text.length);
    free(data);
    buf_free(&text);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t replay_corpus(const char *directory)
{
    struct dirent **entry = NULL;
    int count = scandir(directory, &entry, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        struct buf path = BUF_EMPTY;
        buf_format(&path, "%s/%s", directory, entry[i]->d_name);
        char *name = buf_take(&path);
        replay_file(name);
        free(name);
        free(entry[i]);
    }
    free(entry);
    return count > 0 ? (size_t)count : 0;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        printf("# %s\n", argv[i]);
        fflush(stdout);
        replay_file(argv[i]);
        count++;
    }
    if (argc == 1) {
        count = replay_corpus(FUZZ_CORPUS);
    }
    printf("%sok 1 - %s takes %zu inputs\n1..1\n", count > 0 ? "" : "not ", FUZZ_TARGET, count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
