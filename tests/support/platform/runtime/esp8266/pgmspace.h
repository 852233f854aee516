/* Flash can be read in aligned 32-bit words only, so text in flash needs functions of its own. */
#pragma once

#include <stdint.h>

#define ACP_STRING_(token) #token
#define ACP_STRING(token) ACP_STRING_(token)
#define PROGMEM __attribute__((section(".irom.text.progmem." ACP_STRING(__COUNTER__))))
#define PGM_P const char *
#define PSTR(literal)                                     \
    (__extension__({                                      \
        static const char text[] PROGMEM = (literal);     \
        &text[0];                                         \
    }))

static inline uint8_t pgm_read_byte(const void *address)
{
    uintptr_t place = (uintptr_t)address;
    return *(const volatile uint32_t *)(place & ~(uintptr_t)3) >> (place & 3) * 8;
}
