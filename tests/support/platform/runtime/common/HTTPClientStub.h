// HTTP as far as sketches use it beside the updaters; every request fails to connect.
#pragma once

#include "WiFiStub.h"

enum { HTTP_CODE_OK = 200, HTTP_CODE_NOT_MODIFIED = 304, HTTPC_ERROR_CONNECTION_REFUSED = -1 };

class HTTPClient {
public:
    bool begin(WiFiClient &, const String &) { return true; }
    void addHeader(const String &, const String &) {}
    int GET() { return HTTPC_ERROR_CONNECTION_REFUSED; }
    String getString() { return ""; }
    void end() {}
};
