// The runtime behind Arduino.h, and the few functions that compilers take for granted.
#include "Arduino.h"
#include "UpdateStub.h"

HardwareSerial Serial;
EspClass ESP;
WiFiClass WiFi;

static volatile uint8_t sink;
static volatile unsigned long ticks;

size_t Print::write(uint8_t byte)
{
    sink = byte;
    return 1;
}

size_t Print::print(const char *text)
{
    size_t count = 0;
    while (text[count]) write(text[count++]);
    return count;
}

size_t Print::print(const __FlashStringHelper *text)
{
    const char *flash = reinterpret_cast<const char *>(text);
    size_t count = 0;
    while (uint8_t byte = pgm_read_byte(flash + count)) count += write(byte);
    return count;
}

size_t Print::print(long value, int base)
{
    if (value >= 0) return print(static_cast<unsigned long>(value), base);
    return print('-') + print(0UL - static_cast<unsigned long>(value), base);
}

size_t Print::print(unsigned long value, int base)
{
    size_t count = value >= static_cast<unsigned long>(base) ? print(value / base, base) : 0;
    return count + write("0123456789ABCDEF"[value % base]);
}

size_t Print::print(double value, int digits)
{
    size_t count = value < 0 ? print('-') : 0;
    double rest = value < 0 ? -value : value;
    count += print(static_cast<unsigned long>(rest)) + (digits > 0 ? print('.') : 0);
    while (digits-- > 0) {
        rest = (rest - static_cast<unsigned long>(rest)) * 10;
        count += print(static_cast<unsigned long>(rest));
    }
    return count;
}

size_t Print::printf(const char *format, ...)
{
    return print(format);
}

bool String::operator==(const String &other) const
{
    return strcmp(text_, other.text_) == 0;
}

void String::push(char character)
{
    if (length_ + 1 < sizeof text_) text_[length_++] = character;
}

void String::append(const char *text)
{
    while (text && *text) push(*text++);
}

void String::append(const __FlashStringHelper *text)
{
    const char *flash = reinterpret_cast<const char *>(text);
    while (uint8_t byte = pgm_read_byte(flash++)) push(byte);
}

void String::append(int value)
{
    if (value < 0) push('-');
    unsigned rest = value < 0 ? 0U - static_cast<unsigned>(value) : value;
    if (rest >= 10) append(static_cast<int>(rest / 10));
    push('0' + rest % 10);
}

String IPAddress::toString() const
{
    String text;
    for (int index = 0; index < 4; index++) {
        if (index) text += ".";
        text += String(static_cast<int>(octets_[index]));
    }
    return text;
}

t_httpUpdate_return UpdateStub::update(WiFiClient &, const String &url, const String &version)
{
    Serial.print(url);
    Serial.print(version);
    return HTTP_UPDATE_NO_UPDATES;
}

t_httpUpdate_return UpdateStub::update(WiFiClient &client, const String &host, uint16_t,
                                       const String &uri, const String &version)
{
    return update(client, host + uri, version);
}

void EspClass::restart()
{
    for (;;) yield();
}

extern "C" {

unsigned long millis(void) { return ticks++; }
void delay(unsigned long milliseconds) { while (milliseconds--) yield(); }
void yield(void) { ticks++; }
void pinMode(uint8_t pin, uint8_t mode) { sink = pin ^ mode; }
void digitalWrite(uint8_t pin, uint8_t level) { sink = pin ^ level; }
int digitalRead(uint8_t pin) { return sink ^ pin; }

void *memcpy(void *to, const void *from, size_t count)
{
    for (size_t index = 0; index < count; index++)
        static_cast<char *>(to)[index] = static_cast<const char *>(from)[index];
    return to;
}

void *memset(void *to, int value, size_t count)
{
    for (size_t index = 0; index < count; index++) static_cast<char *>(to)[index] = value;
    return to;
}

int memcmp(const void *left, const void *right, size_t count)
{
    const uint8_t *one = static_cast<const uint8_t *>(left);
    const uint8_t *other = static_cast<const uint8_t *>(right);
    for (size_t index = 0; index < count; index++)
        if (one[index] != other[index]) return one[index] - other[index];
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

int strcmp(const char *left, const char *right)
{
    while (*left && *left == *right) left++, right++;
    return static_cast<uint8_t>(*left) - static_cast<uint8_t>(*right);
}

int atexit(void (*)(void)) { return 0; }
void __cxa_pure_virtual(void) { ESP.restart(); }

typedef void (*initialiser)(void);
extern initialiser __init_array_start[];
extern initialiser __init_array_end[];

// The chips' entry points lead here.
[[noreturn]] void acp_run_sketch(void)
{
    for (initialiser *entry = __init_array_start; entry != __init_array_end; entry++) (*entry)();
    setup();
    for (;;) loop();
}

}
