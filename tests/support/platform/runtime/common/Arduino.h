// The part of the Arduino language that the test sketches and the examples use.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pgmspace.h"

#define HIGH 1
#define LOW 0
#define INPUT 0
#define OUTPUT 1
#define LED_BUILTIN 2

#ifdef __cplusplus
#include "Print.h"

void setup();
void loop();

class IPAddress : public Printable {
public:
    IPAddress(uint8_t a = 0, uint8_t b = 0, uint8_t c = 0, uint8_t d = 0) : octets_{a, b, c, d} {}
    String toString() const override;

private:
    uint8_t octets_[4];
};

class EspClass {
public:
    void restart();
    uint32_t getFreeHeap() { return 40000; }
    uint32_t getFreeSketchSpace() { return 1 << 20; }
};

extern EspClass ESP;

extern "C" {
#endif

unsigned long millis(void);
void delay(unsigned long milliseconds);
void yield(void);
void pinMode(uint8_t pin, uint8_t mode);
void digitalWrite(uint8_t pin, uint8_t level);
int digitalRead(uint8_t pin);

#ifdef __cplusplus
}
#endif
