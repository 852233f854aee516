/* Makes an image as large as a real one: ACP_BALLAST bytes of a sequence that does not repeat. */
#ifdef ACP_BALLAST
    .section .ballast, "a"
    .balign 4
    .global acp_ballast
acp_ballast:
    .set value, 0x2545F491
    .rept (ACP_BALLAST) / 4
    .set value, (value * 1103515245 + 12345) & 0xFFFFFFFF
    .long value
    .endr
#endif
