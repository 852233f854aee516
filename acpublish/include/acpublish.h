// What this firmware is called and where its updates are, for sketches that are built with
// acpublish's extra script:
//
//     Serial.println(ACPUBLISH_VERSION);
//     ESPhttpUpdate.update(client, HOST, 8000, ACPUBLISH_UPDATE_PATH, ACPUBLISH_VERSION);
//
// ACPUBLISH_PRODUCT and ACPUBLISH_VERSION are expressions, not literals: they read the stamp that
// is written into the image after the link, so that they say what the update server says of it.
// They can be given to print(), and to whatever takes a String. Both are empty on an ESP8266, and
// the build's own texts on an ESP32, while no version is set in platformio.ini.
//
// ACPUBLISH_UPDATE_PATH is the literal "/update/<product>/<board>".
#pragma once

#include "acpublish_project.h"

#if defined(ESP8266) || defined(ARDUINO_ARCH_ESP8266)

#include <Arduino.h>

// 16 bytes of magic, then 32 bytes each for product and version. Flash is read in aligned 32-bit
// words only, which FPSTR tells everything that takes such text.
extern "C" const char acpublish_stamp_record[80];
#define ACPUBLISH_PRODUCT (FPSTR(acpublish_stamp_record + 16))
#define ACPUBLISH_VERSION (FPSTR(acpublish_stamp_record + 48))

#else

// esp_app_desc.h came with ESP-IDF 5 (Arduino core 3); before it, esp_ota_ops.h had the function.
#if __has_include(<esp_app_desc.h>)
#include <esp_app_desc.h>
#define ACPUBLISH_DESCRIPTION (esp_app_get_description())
#else
#include <esp_ota_ops.h>
#define ACPUBLISH_DESCRIPTION (esp_ota_get_app_description())
#endif
#define ACPUBLISH_PRODUCT (ACPUBLISH_DESCRIPTION->project_name)
#define ACPUBLISH_VERSION (ACPUBLISH_DESCRIPTION->version)

#endif
