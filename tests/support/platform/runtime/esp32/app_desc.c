/* The descriptor of Arduino's precompiled libraries: the same texts whatever the sketch is. */
#include "esp_ota_ops.h"

const __attribute__((section(".rodata_desc"), used)) esp_app_desc_t esp_app_desc = {
    .magic_word = ESP_APP_DESC_MAGIC_WORD,
    .version = "v5.1.4-dirty",
    .project_name = "arduino-lib-builder",
    .time = "16:27:24",
    .date = "Jul 29 2024",
    .idf_ver = "v5.1.4-dirty",
    .max_efuse_blk_rev_full = 199,
    .mmu_page_size = 16,
};

_Static_assert(sizeof(esp_app_desc_t) == 256, "the descriptor has 256 bytes");

const esp_app_desc_t *esp_app_get_description(void)
{
    /* Read through a volatile pointer: the texts are rewritten after the link. */
    static const esp_app_desc_t *const volatile descriptor = &esp_app_desc;
    return descriptor;
}

const esp_app_desc_t *esp_ota_get_app_description(void)
{
    return esp_app_get_description();
}
