// Print and what can be printed. Everything ends in a volatile byte, so that nothing is optimised away.
#pragma once

#include "WString.h"

#define DEC 10
#define HEX 16

class Printable {
public:
    virtual String toString() const = 0;
};

class Print {
public:
    size_t write(uint8_t byte);
    size_t print(const char *text);
    size_t print(const __FlashStringHelper *text);
    size_t print(const String &text) { return print(text.c_str()); }
    size_t print(const Printable &value) { return print(value.toString()); }
    size_t print(char character) { return write(static_cast<uint8_t>(character)); }
    size_t print(int value, int base = DEC) { return print(static_cast<long>(value), base); }
    size_t print(unsigned value, int base = DEC) { return print(static_cast<unsigned long>(value), base); }
    size_t print(long value, int base = DEC);
    size_t print(unsigned long value, int base = DEC);
    size_t print(double value, int digits = 2);
    size_t println() { return print("\r\n"); }
    template <typename Value> size_t println(const Value &value) { return print(value) + println(); }
    template <typename Value> size_t println(const Value &value, int base)
    {
        return print(value, base) + println();
    }
    // The format itself is printed; nobody reads it here.
    size_t printf(const char *format, ...) __attribute__((format(printf, 2, 3)));
};

class Stream : public Print {
public:
    int available() { return 0; }
    int read() { return -1; }
};

class HardwareSerial : public Stream {
public:
    void begin(unsigned long) {}
    void setDebugOutput(bool) {}
    void flush() {}
    explicit operator bool() const { return true; }
};

extern HardwareSerial Serial;
