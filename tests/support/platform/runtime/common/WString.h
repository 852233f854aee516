// Text in flash and a String of bounded length: enough for what update sketches say.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pgmspace.h"

class __FlashStringHelper;
#define FPSTR(text) (reinterpret_cast<const __FlashStringHelper *>(text))
#define F(literal) (FPSTR(PSTR(literal)))

class String {
public:
    String(const char *text = "") { append(text); }
    String(const __FlashStringHelper *text) { append(text); }
    explicit String(int value) { append(value); }
    explicit String(unsigned value) { append(static_cast<int>(value)); }
    explicit String(long value) { append(static_cast<int>(value)); }
    explicit String(unsigned long value) { append(static_cast<int>(value)); }

    const char *c_str() const { return text_; }
    unsigned length() const { return length_; }
    bool isEmpty() const { return length_ == 0; }
    bool operator==(const String &other) const;
    bool operator!=(const String &other) const { return !(*this == other); }
    String &operator+=(const String &other) { append(other.text_); return *this; }
    friend String operator+(String left, const String &right) { left += right; return left; }

private:
    void append(const char *text);
    void append(const __FlashStringHelper *text);
    void append(int value);
    void push(char character);

    char text_[128] = {};
    unsigned length_ = 0;
};
