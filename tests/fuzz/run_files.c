/* SPDX-License-Identifier: ISC */
/* run_files.c: the fuzz target without libFuzzer: runs the files and folders it is given, and says how many. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_skink.h"

#define INPUT_MAX (1u << 20)

static int run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX);
    if (file == NULL || data == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    size_t size = fread(data, 1, INPUT_MAX, file);
    fclose(file);
    fprintf(stderr, "%s\n", path); /* so that a finding names its input */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static int run_folder(DIR *folder, const char *path) {
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char name[4096];
        if (entry->d_name[0] != '.' && strlen(path) + strlen(entry->d_name) + 2 <= sizeof(name)) {
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            count += run_file(name);
        }
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv) {
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        count += folder != NULL ? run_folder(folder, argv[i]) : run_file(argv[i]);
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 2;
}
