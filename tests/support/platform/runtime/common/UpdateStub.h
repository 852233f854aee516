// The updater classes' calls; each update ends as "nothing new". The last address is kept in a
// volatile byte, so that the texts which a sketch passes stay in its image.
#pragma once

#include "WiFiStub.h"

enum HTTPUpdateResult { HTTP_UPDATE_FAILED, HTTP_UPDATE_NO_UPDATES, HTTP_UPDATE_OK };
typedef HTTPUpdateResult t_httpUpdate_return;

class UpdateStub {
public:
    explicit UpdateStub(int = 8000) {}
    t_httpUpdate_return update(WiFiClient &, const String &url, const String &version = "");
    t_httpUpdate_return update(WiFiClient &client, const String &host, uint16_t port,
                               const String &uri = "/", const String &version = "");
    t_httpUpdate_return updateFS(WiFiClient &client, const String &url, const String &version = "")
    {
        return update(client, url, version);
    }
    t_httpUpdate_return updateSpiffs(WiFiClient &client, const String &url, const String &version = "")
    {
        return update(client, url, version);
    }
    void rebootOnUpdate(bool) {}
    void setLedPin(int = -1, uint8_t = HIGH) {}
    void setAuthorization(const String &, const String &) {}
    int getLastError() { return 0; }
    String getLastErrorString() { return "no error"; }
};
