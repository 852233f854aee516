// An ordinary AutoConnect sketch that also prints its product and version.
#include <Arduino.h>
#include <acpublish.h>

#ifndef ACP_NO_LIBRARIES
#include <ESP8266WiFi.h>

#include <ESP8266WebServer.h>

#include <AutoConnect.h>

AutoConnect portal;
AutoConnectUpdate update("192.168.1.10", 8000);
#endif

void setup()
{
    Serial.begin(115200);
    Serial.println();
    Serial.print(ACPUBLISH_PRODUCT);
    Serial.print(' ');
    Serial.println(ACPUBLISH_VERSION);
#ifndef ACP_NO_LIBRARIES
    if (portal.begin()) {
        update.attach(portal);
        Serial.println(WiFi.localIP());
    }
#endif
}

void loop()
{
#ifndef ACP_NO_LIBRARIES
    portal.handleClient();
#endif
}
