/* Flash is mapped like any memory: these names are kept for sketches that were written for AVR. */
#pragma once

#include <stdint.h>

#define PROGMEM
#define PGM_P const char *
#define PSTR(literal) (literal)

static inline uint8_t pgm_read_byte(const void *address)
{
    return *(const uint8_t *)address;
}
