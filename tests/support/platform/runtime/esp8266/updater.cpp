#include "ESP8266httpUpdate.h"

ESP8266HTTPUpdate ESPhttpUpdate;
