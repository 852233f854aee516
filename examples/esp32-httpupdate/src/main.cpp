// Asks for an update each hour. The address carries product and board, so that a device is never
// offered what it cannot run; the server answers 304 when it runs the newest already.
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
    static unsigned long asked_ms = millis() - HOUR_MS;
    if (WiFi.status() == WL_CONNECTED && millis() - asked_ms >= HOUR_MS) {
        asked_ms = millis();
        update();
    }
    delay(1000);
}
