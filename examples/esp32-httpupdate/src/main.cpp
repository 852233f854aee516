// Checks for an update every hour. The URL contains product and board, so a device is never offered
// firmware that it cannot run; the server returns 304 if it already runs the newest.
#include <Arduino.h>
#include <HTTPUpdate.h>
#include <WiFi.h>
#include <acpublish.h>

static const char NETWORK[] = "my network";
static const char PASSWORD[] = "my password";
static const char UPDATE_HOST[] = "192.168.1.10";
static const uint16_t UPDATE_PORT = 8000;
static const unsigned long HOUR_MS = 60UL * 60UL * 1000UL;

#ifndef SENSOR_PIN
#define SENSOR_PIN 5
#endif

static void update()
{
    WiFiClient client;
    // After an update the device restarts, and this call does not return.
    const t_httpUpdate_return result = httpUpdate.update(
        client, UPDATE_HOST, UPDATE_PORT, ACPUBLISH_UPDATE_PATH, ACPUBLISH_VERSION);
    if (result == HTTP_UPDATE_FAILED) {
        Serial.println(httpUpdate.getLastErrorString());
    }
}

void setup()
{
    Serial.begin(115200);
    pinMode(SENSOR_PIN, INPUT);
    Serial.print(ACPUBLISH_PRODUCT);
    Serial.print(' ');
    Serial.println(ACPUBLISH_VERSION);
    WiFi.mode(WIFI_STA);
    WiFi.begin(NETWORK, PASSWORD);
}

void loop()
{
    static unsigned long checked_ms = millis() - HOUR_MS;
    if (WiFi.status() == WL_CONNECTED && millis() - checked_ms >= HOUR_MS) {
        checked_ms = millis();
        update();
    }
    delay(1000);
}
