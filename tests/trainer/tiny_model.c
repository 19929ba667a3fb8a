/* tiny_model.c - writes the model of tests/unit/support/tiny_model.h: tiny_model FOLDER SEED */
#include "support/tiny_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: tiny_model FOLDER SEED\n");
        return 2;
    }
    if (mkdir(argv[1], 0755)) {
        perror(argv[1]);
        return 1;
    }
    tiny_model_write(argv[1], strtoull(argv[2], NULL, 10));
    return 0;
}
