// The product and version of this firmware and the path of its updates, for sketches that are built
// with acpublish's extra script:
//
//     Serial.println(ACPUBLISH_VERSION);
//     ESPhttpUpdate.update(client, HOST, 8000, ACPUBLISH_UPDATE_PATH, ACPUBLISH_VERSION);
//
// If the server demands credentials for the product (acpublish device-credentials), send them before:
//
//     ESPhttpUpdate.setAuthorization(USER, PASSWORD);
//
// or write a secret path (acpublish device-path) in front of the path, as one literal:
//
//     ESPhttpUpdate.update(
//         client, HOST, 8000, "/u/<32 digits>" ACPUBLISH_UPDATE_PATH, ACPUBLISH_VERSION);
//
// ACPUBLISH_PRODUCT and ACPUBLISH_VERSION are expressions, not literals: they read the stamp that is
// written into the image after linking, so they always match what the update server shows.
// They can be passed to print(), and to any function that takes a String. If platformio.ini does not
// set a version, both are empty in an Arduino build, and the build's own strings in one of ESP-IDF.
//
// ACPUBLISH_UPDATE_PATH is the literal "/update/<product>/<board>", followed by "?channel=<channel>" if
// the project sets another channel than stable.
#pragma once

#include "acpublish_project.h"

#if defined(ESP8266) || defined(ARDUINO_ARCH_ESP8266)

#include <Arduino.h>

// 16 bytes of magic, then 32 bytes each for product and version. Flash can be read only in aligned
// 32-bit words; FPSTR marks the strings accordingly.
extern "C" const char acpublish_stamp_record[80];
#define ACPUBLISH_PRODUCT (FPSTR(acpublish_stamp_record + 16))
#define ACPUBLISH_VERSION (FPSTR(acpublish_stamp_record + 48))

#else

// ESP-IDF 5 (Arduino core 3) introduced esp_app_desc.h; before, esp_ota_ops.h had the function.
#if __has_include(<esp_app_desc.h>)
#include <esp_app_desc.h>
#define ACPUBLISH_DESCRIPTION (esp_app_get_description())
#else
#include <esp_ota_ops.h>
#define ACPUBLISH_DESCRIPTION (esp_ota_get_app_description())
#endif

// An Arduino build has the strings of the core's precompiled libraries, such as v5.1.4-dirty, until
// it is stamped. That version would be higher than the product's, so no device would be updated.
static inline const char *acpublish_stamped(const char *text) {
  static const char *const unstamped[] = {
      "arduino-lib-builder", "esp32-arduino-lib-builder", "libespidf"};
  for (unsigned i = 0; i < sizeof unstamped / sizeof *unstamped; i++) {
    if (__builtin_strcmp(ACPUBLISH_DESCRIPTION->project_name, unstamped[i]) == 0) return "";
  }
  return text;
}
#define ACPUBLISH_PRODUCT (acpublish_stamped(ACPUBLISH_DESCRIPTION->project_name))
#define ACPUBLISH_VERSION (acpublish_stamped(ACPUBLISH_DESCRIPTION->version))

#endif
