// A network that is always up: the calls that update sketches make, on either chip.
#pragma once

#include "Arduino.h"

enum wl_status_t { WL_IDLE_STATUS = 0, WL_CONNECTED = 3, WL_DISCONNECTED = 6 };
enum WiFiMode_t { WIFI_OFF = 0, WIFI_STA = 1, WIFI_AP = 2, WIFI_AP_STA = 3 };

class WiFiClass {
public:
    bool mode(WiFiMode_t) { return true; }
    wl_status_t begin(const char * = nullptr, const char * = nullptr) { return WL_CONNECTED; }
    wl_status_t status() { return WL_CONNECTED; }
    bool isConnected() { return true; }
    uint8_t waitForConnectResult() { return WL_CONNECTED; }
    bool setHostname(const char *) { return true; }
    bool hostname(const char *) { return true; }
    IPAddress localIP() { return IPAddress(192, 0, 2, 1); }
    String macAddress() { return "00:00:5E:00:53:01"; }
    String SSID() { return "offline"; }
};

extern WiFiClass WiFi;

class WiFiClient : public Stream {
public:
    int connect(const char *, uint16_t) { return 0; }
    void stop() {}
};
