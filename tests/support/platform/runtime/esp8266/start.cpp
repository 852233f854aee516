// Where the bootloader jumps to.
extern "C" [[noreturn]] void acp_run_sketch(void);

extern "C" __attribute__((section(".iram.entry"), used)) void call_user_start(void)
{
    acp_run_sketch();
}
