/* The stock command: the library with no application in it. */
#include <stddef.h>

#include "reeve.h"

int main(int argc, char **argv)
{
    return reeve_main(argc, argv, NULL);
}
