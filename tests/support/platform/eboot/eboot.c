/* Stands where Arduino's bootloader stands in an ESP8266 image: an image of its own at offset 0. */
static const volatile char name[] = "acptest eboot stub";

void eboot_entry(void)
{
    /* Endless; reading the name keeps it in the image. */
    while (name[0]) {
    }
}
