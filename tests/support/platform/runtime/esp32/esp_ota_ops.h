/* The older name of the same function. */
#pragma once

#include "esp_app_desc.h"

#ifdef __cplusplus
extern "C" {
#endif
const esp_app_desc_t *esp_ota_get_app_description(void);
#ifdef __cplusplus
}
#endif
