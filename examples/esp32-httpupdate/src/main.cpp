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

// If the product has credentials on the server (acpublish device-credentials), build with
// -DUPDATE_USER=... and -DUPDATE_PASSWORD=...; with a secret path (acpublish device-path), build with
// -DUPDATE_SECRET_PATH=... instead. Each is a string.
#ifndef UPDATE_SECRET_PATH
#define UPDATE_SECRET_PATH ""
#endif

#ifndef SENSOR_PIN
#define SENSOR_PIN 5
#endif

static void update()
{
    WiFiClient client;
#ifdef UPDATE_USER
    httpUpdate.setAuthorization(UPDATE_USER, UPDATE_PASSWORD);
#endif
    // After an update the device restarts, and this call does not return.
    const t_httpUpdate_return result = httpUpdate.update(
        client,
        UPDATE_HOST,
        UPDATE_PORT,
        UPDATE_SECRET_PATH ACPUBLISH_UPDATE_PATH,
        ACPUBLISH_VERSION);
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
